//! Who may change something through the API: nobody asks for a name yet, so only programs on this
//! machine, and only while the API is served to this machine alone.

use axum::extract::FromRequestParts;
use http::header::{CONTENT_TYPE, HOST, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, Method, Uri};

use crate::state::Shared;

/// Why a change is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotAllowed {
    /// The API is reachable from elsewhere.
    #[error(
        "changes are refused: the API is served beyond this machine and asks nobody who they are; \
         serve it on 127.0.0.1 (--api-host), or use etcd-monitor alert on the machine itself"
    )]
    Exposed,
    /// A web page of another origin, or a name that was made to point here.
    #[error("changes are refused: the request comes from a web page or by another host's name")]
    Foreign,
    /// A form can be sent by any web page; JSON can't without asking first.
    #[error("changes are refused: send the body as content-type: application/json")]
    NotJson,
}

/// Proof that a request may change something.
#[derive(Debug)]
pub(crate) struct Changer(());

impl FromRequestParts<Shared> for Changer {
    type Rejection = NotAllowed;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, NotAllowed> {
        if !shared.is_local {
            return Err(NotAllowed::Exposed);
        }
        check(&parts.method, &parts.headers).map(|()| Self(()))
    }
}

impl axum::response::IntoResponse for NotAllowed {
    fn into_response(self) -> axum::response::Response {
        crate::problem::Problem::from(self).into_response()
    }
}

fn check(method: &Method, headers: &HeaderMap) -> Result<(), NotAllowed> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    // A host name of the outside that points to 127.0.0.1 would let any page in.
    if text(HOST).is_some_and(|host| !is_this_machine(host)) {
        return Err(NotAllowed::Foreign);
    }
    let is_foreign = |origin: &str| {
        let uri = origin.parse::<Uri>().ok();
        !uri.and_then(|uri| uri.authority().map(|host| is_this_machine(host.as_str())))
            .unwrap_or(false)
    };
    if text(ORIGIN).is_some_and(is_foreign) {
        return Err(NotAllowed::Foreign);
    }
    let is_json = text(CONTENT_TYPE).is_some_and(|kind| kind.starts_with("application/json"));
    if *method == Method::POST && !is_json {
        return Err(NotAllowed::NotJson);
    }
    Ok(())
}

/// Whether `host`, perhaps with a port, is a name of this machine for itself.
fn is_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(method: &Method, headers: &[(&'static str, &str)]) -> Result<(), NotAllowed> {
        let headers = headers.iter().map(|(name, value)| {
            (http::HeaderName::from_static(name), value.parse().expect("a header value"))
        });
        check(method, &headers.collect())
    }

    #[test]
    fn programs_on_this_machine_may_and_web_pages_may_not() {
        let json = ("content-type", "application/json");
        let local = ("host", "127.0.0.1:8080");
        assert_eq!(outcome(&Method::POST, &[json, local]), Ok(()));
        assert_eq!(outcome(&Method::POST, &[json, ("host", "[::1]:8080")]), Ok(()));
        assert_eq!(outcome(&Method::DELETE, &[("host", "localhost:8080")]), Ok(()));
        for foreign in [
            [json, ("host", "evil.example:8080")],
            [json, ("origin", "https://evil.example")],
            [json, ("origin", "null")],
        ] {
            assert_eq!(outcome(&Method::POST, &foreign), Err(NotAllowed::Foreign));
        }
        let form = ("content-type", "text/plain");
        assert_eq!(outcome(&Method::POST, &[form, local]), Err(NotAllowed::NotJson));
    }
}
