//! The clusters of a configuration file, as contexts of `ctl`.

use std::path::Path;

use ctl::Context;
use monitor::config::ClusterConfig;

use super::from_file;

/// The clusters that `file` describes; the error is its first mistake, without the file's name.
pub fn contexts(file: &Path) -> Result<Vec<Context>, String> {
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    match from_file::clusters(&file) {
        Ok(clusters) => Ok(clusters.into_iter().map(context).collect()),
        Err(mistakes) => Err(mistakes.first().map_or_else(String::new, |mistake| {
            if mistake.path.is_empty() {
                mistake.message.clone()
            } else {
                format!("has a mistake: {mistake}")
            }
        })),
    }
}

fn context(cluster: ClusterConfig) -> Context {
    Context {
        name: cluster.name,
        endpoints: cluster.endpoints,
        discovery_srv: cluster.discovery_srv,
        endpoint_map: cluster.endpoint_map,
        tls: cluster.tls,
        auth: cluster.auth,
        password_env: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clusters_are_contexts_with_the_defaults_and_whatever_else_is_wrong_does_not_matter() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("config.yaml");
        let text = "
clusters:
  - name: a
    endpoints: [https://a:2379]
    auth: {user: root, password_file: secret}
  - name: b
    discovery_srv: b.example.com
defaults:
  tls: {ca_file: ca.pem}
server: {port: nonsense}
";
        std::fs::write(&file, text).unwrap();
        let [a, b] = &contexts(&file).unwrap()[..] else { panic!("two") };
        assert_eq!((&*a.name, &a.endpoints[..]), ("a", &["https://a:2379".to_owned()][..]));
        assert_eq!(a.auth.password_file, Some(directory.path().join("secret")));
        assert_eq!(b.discovery_srv.as_deref(), Some("b.example.com"));
        let ca_file = directory.path().join("ca.pem");
        assert_eq!(b.tls.as_ref().and_then(|tls| tls.ca_file.clone()), Some(ca_file));

        std::fs::write(&file, "clusters: [{name: a, endpoints: 7}]").unwrap();
        let mistake = "has a mistake: clusters[0].endpoints: must be a list, not a number";
        assert_eq!(contexts(&file), Err(mistake.to_owned()));
        let error = contexts(&directory.path().join("none.yaml")).unwrap_err();
        assert!(error.starts_with("cannot be read: "), "{error}");
    }
}
