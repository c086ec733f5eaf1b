//! Contexts as `context list` and `context show` print them.

use etcd::TlsConfig;

use super::Answer;
use crate::context::{Context, Described};
use crate::print::json::Object;
use crate::print::{Style, Table, json, simple};

/// Contexts, in the order in which they are found.
pub struct ContextsShown<'a> {
    /// The contexts.
    pub contexts: Vec<&'a Described>,
    /// The name of the one in use.
    pub current: Option<&'a str>,
    /// Whether all of one is shown instead of a line of each.
    pub is_one: bool,
}

const COLUMNS: [&str; 6] = ["in use", "name", "endpoints", "TLS", "user", "from"];

impl ContextsShown<'_> {
    fn cells(&self, described: &Described) -> Vec<String> {
        let Described { context, file, .. } = described;
        let or_none = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
        vec![
            if self.is_current(context) { "*" } else { "" }.to_owned(),
            context.name.clone(),
            or_none(&endpoints(context)),
            or_none(tls(context)),
            or_none(context.auth.user.as_deref().unwrap_or_default()),
            file.display().to_string(),
        ]
    }

    fn is_current(&self, context: &Context) -> bool {
        self.current == Some(&*context.name)
    }
}

fn endpoints(context: &Context) -> String {
    let domain = context.discovery_srv.iter().map(|domain| format!("SRV {domain}"));
    context.endpoints.iter().cloned().chain(domain).collect::<Vec<_>>().join(",")
}

fn tls(context: &Context) -> &'static str {
    match &context.tls {
        Some(tls) if tls.insecure_skip_verify => "not verified",
        Some(tls) if tls.cert_file.is_some() => "client certificate",
        Some(_) => "yes",
        None if context.endpoints.iter().any(|text| text.starts_with("https://")) => "yes",
        None => "",
    }
}

/// Where the password comes from; never the password.
fn password(context: &Context) -> Option<String> {
    let auth = &context.auth;
    auth.user.as_ref()?;
    Some(match (&context.password_env, &auth.password_file, &auth.password) {
        (Some(variable), ..) => format!("variable {variable}"),
        (_, Some(file), _) => format!("file {}", file.display()),
        (_, _, Some(_)) => "in the configuration".to_owned(),
        _ => "asked for".to_owned(),
    })
}

/// The settings of a context beside its endpoints, by the names of their flags.
fn settings(context: &Context) -> Vec<(&'static str, String)> {
    let TlsConfig { ca_file, cert_file, key_file, server_name, insecure_skip_verify } =
        context.tls.clone().unwrap_or_default();
    let files = [("cacert", ca_file), ("cert", cert_file), ("key", key_file)].into_iter();
    let files = files.filter_map(|(name, file)| Some((name, file?.display().to_string())));
    let mut settings: Vec<_> = files.collect();
    settings.extend(server_name.map(|name| ("server_name", name)));
    settings.extend(insecure_skip_verify.then(|| ("insecure_skip_tls_verify", "true".to_owned())));
    settings.extend(context.auth.user.clone().map(|user| ("user", user)));
    settings.extend(password(context).map(|password| ("password", password)));
    settings
}

impl Answer for ContextsShown<'_> {
    fn simple(&self, _style: Style, out: &mut Vec<u8>) {
        if !self.is_one {
            let header = COLUMNS.map(str::to_uppercase).to_vec();
            let rows = self.contexts.iter().map(|described| self.cells(described));
            simple::columns(&std::iter::once(header).chain(rows).collect::<Vec<_>>(), out);
            return;
        }
        for Described { context, file, .. } in &self.contexts {
            let mut rows = vec![("name", context.name.clone()), ("endpoints", endpoints(context))];
            rows.extend(settings(context));
            rows.push(("in_use", self.is_current(context).to_string()));
            rows.push(("from", file.display().to_string()));
            for (name, value) in rows {
                simple::line(&format!("{name}: {value}"), out);
            }
        }
    }

    fn json(&self, _style: Style, out: &mut Vec<u8>) -> bool {
        let write = |described: &&Described, out: &mut Vec<u8>| {
            let Described { context, file, .. } = described;
            let mut object = Object::new(out);
            json::string(&context.name, object.member("name"));
            object.raw("in_use", self.is_current(context));
            json::array(&context.endpoints, object.member("endpoints"), |one, out| {
                json::string(one, out);
            });
            object.text("discovery_srv", context.discovery_srv.as_deref().unwrap_or_default());
            for (name, value) in settings(context) {
                match name {
                    "insecure_skip_tls_verify" => object.raw(name, true),
                    _ => object.text(name, &value),
                }
            }
            object.text("from", &file.display().to_string());
            object.end();
        };
        match (self.is_one, self.contexts.first()) {
            (true, Some(one)) => write(one, out),
            _ => json::array(&self.contexts, out, write),
        }
        out.push(b'\n');
        true
    }

    fn table(&self, _style: Style) -> Option<Table> {
        let rows = self.contexts.iter().map(|described| self.cells(described)).collect();
        Some(Table { header: COLUMNS.map(str::to_owned).to_vec(), rows })
    }
}
