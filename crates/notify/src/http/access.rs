//! Credentials and further headers of requests, read anew for each.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use model::config_error::ConfigError;
use model::secret::Secret;

use crate::config::{HttpConfig, SecretSource};
use crate::failure::{Failure, FailureClass};
use crate::scrub::Hidden;

/// What a request is sent with beside what its channel says.
#[derive(Debug, Default)]
pub(super) struct Access {
    authorization: Option<Scheme>,
    headers: Vec<(HeaderName, SecretSource)>,
}

#[derive(Debug)]
enum Scheme {
    Basic(Option<SecretSource>, Option<SecretSource>),
    Other(String, SecretSource),
}

impl Access {
    pub(super) fn new(config: &HttpConfig, errors: &mut Vec<ConfigError>) -> Self {
        let mut given = Vec::new();
        if let Some(basic) = &config.basic_auth {
            let mut wrong = Vec::new();
            let username = basic.username.clone().map(Secret::new);
            let username = SecretSource::of(
                "username",
                username.as_ref(),
                basic.username_file.as_ref(),
                &mut wrong,
            );
            let password = SecretSource::of(
                "password",
                basic.password.as_ref(),
                basic.password_file.as_ref(),
                &mut wrong,
            );
            errors.extend(wrong.into_iter().map(|error| error.within("basic_auth")));
            given.push(("basic_auth", Some(Scheme::Basic(username, password))));
        }
        if let Some(authorization) = &config.authorization {
            let mut wrong = Vec::new();
            let kind = authorization.kind.as_deref().unwrap_or("Bearer").trim().to_owned();
            if kind.eq_ignore_ascii_case("basic") {
                let message = "must not be Basic; use basic_auth";
                wrong.push(ConfigError::new("type", message));
            }
            let source = SecretSource::of(
                "credentials",
                authorization.credentials.as_ref(),
                authorization.credentials_file.as_ref(),
                &mut wrong,
            );
            if source.is_none() && wrong.is_empty() {
                wrong.push(ConfigError::new("credentials", "is missing"));
            }
            errors.extend(wrong.into_iter().map(|error| error.within("authorization")));
            given.push(("authorization", source.map(|source| Scheme::Other(kind, source))));
        }
        let (inline, file) = (config.bearer_token.as_ref(), config.bearer_token_file.as_ref());
        if let Some(source) = SecretSource::of("bearer_token", inline, file, errors) {
            given.push(("bearer_token", Some(Scheme::Other("Bearer".to_owned(), source))));
        }
        if let [_, (key, _), ..] = &given[..] {
            let message =
                "is given as well as another; give one of basic_auth, authorization, bearer_token";
            errors.push(ConfigError::new(*key, message));
        }
        let authorization = given.into_iter().next().and_then(|(_, scheme)| scheme);
        let mut headers = Vec::new();
        for (name, header) in &config.http_headers {
            let inline = header.values.iter().cloned().map(Secret::new);
            let sources = inline
                .chain(header.secrets.iter().cloned())
                .map(SecretSource::Inline)
                .chain(header.files.iter().cloned().map(SecretSource::File));
            for source in sources {
                add_header(&mut headers, name, source, errors, "http_headers");
            }
        }
        Self { authorization, headers }
    }

    /// The headers of one request; those that hold secrets are marked as sensitive.
    pub(super) fn headers(&self) -> Result<HeaderMap, Failure> {
        let mut all = HeaderMap::new();
        if let Some(scheme) = &self.authorization {
            let text = match scheme {
                Scheme::Basic(username, password) => {
                    basic(&plain(username.as_ref())?, &plain(password.as_ref())?)
                }
                Scheme::Other(kind, source) => format!("{kind} {}", plain(Some(source))?),
            };
            all.insert(header::AUTHORIZATION, sensitive(&text)?);
        }
        for (name, source) in &self.headers {
            all.append(name.clone(), sensitive(&plain(Some(source))?)?);
        }
        Ok(all)
    }

    /// Adds what must not appear in messages.
    pub(super) fn hide(&self, hidden: &mut Hidden) {
        let mut sources: Vec<&SecretSource> =
            self.headers.iter().map(|(_, source)| source).collect();
        match &self.authorization {
            Some(Scheme::Basic(username, password)) => {
                let read =
                    |source: &Option<SecretSource>| plain(source.as_ref()).unwrap_or_default();
                let (username, password) = (read(username), read(password));
                hidden.add(&BASE64.encode(format!("{username}:{password}")));
                hidden.add(&password);
            }
            Some(Scheme::Other(_, source)) => sources.push(source),
            None => {}
        }
        for source in sources {
            if let Ok(secret) = source.read() {
                hidden.add(secret.expose());
            }
        }
    }
}

/// Adds a header whose value may be a secret, or says why it can't be one.
pub(crate) fn add_header(
    headers: &mut Vec<(HeaderName, SecretSource)>,
    name: &str,
    source: SecretSource,
    errors: &mut Vec<ConfigError>,
    key: &str,
) {
    let path = format!("{key}.{name}");
    let Ok(parsed) = name.parse::<HeaderName>() else {
        errors.push(ConfigError::new(path, "is no name of a header"));
        return;
    };
    // What frames the message is hyper's to say.
    if [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::HOST, header::CONNECTION]
        .contains(&parsed)
    {
        errors.push(ConfigError::new(path, "is set by etcd-monitor itself"));
        return;
    }
    match source.read() {
        Ok(value) if HeaderValue::from_str(value.expose()).is_err() => {
            errors.push(ConfigError::new(path, "has a value with line ends or control characters"));
        }
        Ok(_) => headers.push((parsed, source)),
        Err(message) => errors.push(ConfigError::new(path, message)),
    }
}

/// The value of `Authorization` for a user and a password.
pub(crate) fn basic(username: &str, password: &str) -> String {
    format!("Basic {}", BASE64.encode(format!("{username}:{password}")))
}

/// A header's value that is kept from other servers and from `Debug`.
pub(crate) fn sensitive(text: &str) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::from_str(text).map_err(|_| {
        let message = "a configured secret has line ends or control characters";
        Failure::new(FailureClass::Unprepared, message)
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn plain(source: Option<&SecretSource>) -> Result<String, Failure> {
    source.map_or_else(|| Ok(String::new()), |source| Ok(unprepared(source)?.expose().clone()))
}

/// The secret, or that its file is unreadable now.
pub(crate) fn unprepared(source: &SecretSource) -> Result<Secret<String>, Failure> {
    source.read().map_err(|message| Failure::new(FailureClass::Unprepared, message))
}
