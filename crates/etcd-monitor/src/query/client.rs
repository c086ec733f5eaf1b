//! Asking the API, and understanding what it refuses.

use std::time::Duration;

use etcd::{ClientConfig, Connector, ErrorClass, HttpReply, HttpTarget, TlsConfig};

use super::address::Address;
use super::answer::Body;
use super::error::{Error, Marked};
use super::grid::{cut, printable};

/// The largest answer that is taken. Eleven thousand points of a thousand series are 250 MB.
const MAX_ANSWER_BYTES: usize = 512 << 20;

/// How long a connection may take.
const DIAL_TIMEOUT: Duration = Duration::from_secs(5);

/// What helps when nobody answers at an address.
const NOBODY_THERE: &str = "start etcd-monitor there, or give the address of one or of a Prometheus \
                            with --url (ETCD_MONITOR_URL)";

/// What is asked, and how.
pub(super) struct Call<'a> {
    pub(super) address: &'a Address,
    pub(super) tls: TlsConfig,
    /// For all of it.
    pub(super) timeout: Duration,
    /// `query` or `query_range`.
    pub(super) route: &'static str,
    /// Encoded.
    pub(super) form: String,
}

impl Call<'_> {
    /// The body of a good or a bad answer, which [`understand`] reads.
    pub(super) async fn send(self) -> Result<HttpReply, Error> {
        let config = ClientConfig {
            tls: Some(self.tls.clone()),
            dial_timeout: DIAL_TIMEOUT.min(self.timeout),
            ..ClientConfig::default()
        };
        let connector = Connector::new(config).map_err(|error| unusable(&error))?;
        let server = connector.member(self.address.endpoint().clone());
        let mut last = None;
        for path in self.address.paths(self.route) {
            let page = HttpTarget::of_member(&path);
            let form = self.form.clone();
            let reply = server
                .http_post_form(&page, form, self.timeout, MAX_ANSWER_BYTES)
                .await
                .map_err(|error| self.unreached(&error, &path))?;
            // Prometheus says of nothing that it is not found, so the path is meant.
            if reply.status != 404 {
                return Ok(reply);
            }
            last = Some(path);
        }
        let path = last.unwrap_or_default();
        let reason = format!("it answers 404 Not Found for {path}");
        Err(Error::NoApi { address: self.address.clone(), reason })
    }

    fn unreached(&self, error: &etcd::Error, path: &str) -> Error {
        let address = self.address.clone();
        // The address says enough of where this was.
        let reason = error.message();
        let reason = reason.strip_prefix(path).and_then(|rest| rest.strip_prefix(": "));
        let reason = reason.unwrap_or(error.message()).to_owned();
        let remedy = match error.class() {
            // Their remedies are about etcd.
            ErrorClass::Dns | ErrorClass::Refused => None,
            ErrorClass::Deadline | ErrorClass::Other if !error.is_unsent() => {
                return Error::NoAnswer { address, reason };
            }
            _ => error.remedy(),
        };
        Error::Connect { address, reason, remedy: remedy.unwrap_or(NOBODY_THERE).to_owned() }
    }
}

/// For files that cannot be used; nothing was asked yet.
fn unusable(error: &etcd::Error) -> Error {
    Error::Ca(error.message().trim_start_matches("tls.ca_file: ").to_owned())
}

/// A good answer.
pub(super) struct Success<'a> {
    /// The value of the query, in JSON.
    pub(super) data: &'a str,
    /// What the server wants to have said beside it.
    pub(super) notes: Vec<String>,
}

/// What `reply` to `query` says.
pub(super) fn understand<'a>(
    reply: &'a HttpReply,
    address: &Address,
    query: &str,
) -> Result<Success<'a>, Error> {
    match serde_json::from_slice(&reply.body) {
        Ok(Body { data: Some(data), mut warnings, infos, .. }) => {
            warnings.extend(infos);
            Ok(Success { data: data.get(), notes: warnings })
        }
        Ok(Body { error_type: Some(class), error: Some(error), .. }) if class == "bad_data" => {
            Err(Error::BadQuery(Marked::new(query, &error)))
        }
        Ok(Body { error_type: Some(class), error: Some(message), .. }) => {
            Err(Error::Failed { class, message })
        }
        _ if reply.status < 400 || reply.status == 405 => {
            let reason = format!("its answer ({}) is not one of Prometheus' API", reply.status);
            Err(Error::NoApi { address: address.clone(), reason })
        }
        _ => {
            let text = String::from_utf8_lossy(&reply.body);
            let line = cut(&printable(text.lines().next().unwrap_or_default()), 200);
            Err(Error::Failed { class: format!("HTTP {}", reply.status), message: line })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(status: u16, body: &'static str) -> String {
        let reply = HttpReply { status, date: None, content_type: None, body: body.into() };
        match understand(&reply, &Address::default(), "up{") {
            Ok(success) => format!("{} {:?}", success.data, success.notes),
            Err(error) => format!("{} {error}", error.exit_code()),
        }
    }

    #[test]
    fn every_kind_of_reply_is_understood() {
        let accepted = r#"{"status":"success","data":{"b":[1, "x"]},"warnings":["w"]}"#;
        assert_eq!(outcome(200, accepted), r#"{"b":[1, "x"]} ["w"]"#);
        let bad = r#"{"status":"error","errorType":"bad_data","error":"1:4: parse error: end"}"#;
        let expected = "3 the query is not accepted: 1:4: parse error: end\n  up{\n     ^";
        assert_eq!(outcome(400, bad), expected);
        let late = r#"{"status":"error","errorType":"timeout","error":"query timed out"}"#;
        assert_eq!(outcome(503, late), "1 the query failed (timeout): query timed out");
        let proxy = "no upstream\n<html>";
        assert_eq!(outcome(502, proxy), "1 the query failed (HTTP 502): no upstream");
        for (status, body) in [(200, "<html>"), (200, "{\"status\":\"ok\"}"), (405, "")] {
            let outcome = outcome(status, body);
            assert!(outcome.starts_with("3 http://127.0.0.1:8080 is no etcd-monitor"), "{outcome}");
        }
    }
}
