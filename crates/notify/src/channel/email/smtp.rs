//! The conversation with a mail server: greeting, STARTTLS, AUTH, one mail.
//!
//! Ours and not a library's, so that mail goes by the same TLS settings and address rule as all else,
//! and one recipient that is refused does not keep the mail from the others.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use model::secret::Secret;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::failure::{Failure, FailureClass};
use crate::http::dial;
use crate::http::tls::Tls;
use crate::text::{clip, one_line};

/// Longest answer that is read.
const MAX_REPLY_BYTES: usize = 64 << 10;
const MAX_TEXT_CHARS: usize = 200;

/// A mail server, and how it is spoken to.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) hello: String,
    pub(super) is_implicit_tls: bool,
    pub(super) requires_tls: bool,
    pub(super) tls: Tls,
    pub(super) allow_link_local: bool,
}

/// Who we are to the server.
#[derive(Debug)]
pub(super) struct Credentials {
    pub(super) identity: String,
    pub(super) user: String,
    pub(super) password: Secret<String>,
}

/// The forms in which credentials go over the wire.
pub(super) fn encoded(identity: &str, user: &str, password: &str) -> [String; 2] {
    [BASE64.encode(format!("{identity}\0{user}\0{password}")), BASE64.encode(password)]
}

impl Server {
    /// Sends `message`; gives the recipients that were refused while others were not.
    pub(super) async fn send(
        &self,
        credentials: Option<&Credentials>,
        from: &str,
        to: &[String],
        message: &[u8],
    ) -> Result<Vec<String>, Failure> {
        let stream = dial::connect(&self.host, self.port, self.allow_link_local).await?;
        if self.is_implicit_tls {
            let stream = dial::secure(stream, &self.host, &self.tls).await?;
            let mut session = Session::new(stream);
            session.expect("the greeting", &[220]).await?;
            let offers = session.hello(&self.hello).await?;
            return session.mail(&offers, true, credentials, from, to, message).await;
        }
        let is_local = stream.peer_addr().is_ok_and(|peer| peer.ip().is_loopback());
        let mut session = Session::new(stream);
        session.expect("the greeting", &[220]).await?;
        let offers = session.hello(&self.hello).await?;
        if offers.has("STARTTLS") {
            session.command("STARTTLS", &[220]).await?;
            // What somebody slipped in before TLS must not count as said after it.
            if !session.buffer.is_empty() {
                let text = "more than an answer came with STARTTLS; somebody may be in between";
                return Err(Failure::new(FailureClass::Tls, text));
            }
            let stream = dial::secure(session.stream, &self.host, &self.tls).await?;
            let mut session = Session::new(stream);
            let offers = session.hello(&self.hello).await?;
            return session.mail(&offers, true, credentials, from, to, message).await;
        }
        if self.requires_tls {
            let text = "offers no STARTTLS; set require_tls: false to send in the clear";
            return Err(Failure::new(FailureClass::Tls, text));
        }
        session.mail(&offers, is_local, credentials, from, to, message).await
    }
}

/// What a server said it can do.
struct Offers(Vec<String>);

impl Offers {
    fn has(&self, name: &str) -> bool {
        self.parameters(name).is_some()
    }

    fn parameters(&self, name: &str) -> Option<Vec<String>> {
        self.0.iter().find_map(|line| {
            let mut words = line.split([' ', '=']);
            let is_it = words.next()?.eq_ignore_ascii_case(name);
            is_it.then(|| words.map(str::to_ascii_uppercase).collect())
        })
    }
}

struct Reply {
    code: u16,
    lines: Vec<String>,
}

struct Session<S> {
    stream: S,
    /// Read and not yet used.
    buffer: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    fn new(stream: S) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    async fn hello(&mut self, name: &str) -> Result<Offers, Failure> {
        let reply = self.command(&format!("EHLO {name}"), &[250]).await?;
        Ok(Offers(reply.lines.into_iter().skip(1).collect()))
    }

    async fn mail(
        &mut self,
        offers: &Offers,
        is_private: bool,
        credentials: Option<&Credentials>,
        from: &str,
        to: &[String],
        message: &[u8],
    ) -> Result<Vec<String>, Failure> {
        if let Some(credentials) = credentials {
            if !is_private {
                let text = "a password is sent over TLS only, and the server offers none";
                return Err(Failure::new(FailureClass::Tls, text));
            }
            self.authenticate(offers, credentials).await?;
        }
        self.command(&format!("MAIL FROM:<{from}>"), &[250]).await?;
        let mut refused = Vec::new();
        for recipient in to {
            if let Err(failure) = self.command(&format!("RCPT TO:<{recipient}>"), &[250, 251]).await
            {
                // A connection that broke is no refusal of one recipient.
                if !matches!(failure.class, FailureClass::TryLater | FailureClass::Refused) {
                    return Err(failure);
                }
                refused.push((recipient, failure));
            }
        }
        if refused.len() == to.len() {
            let passing = refused.iter().position(|(_, failure)| !failure.class.is_permanent());
            let (_, failure) = refused.swap_remove(passing.unwrap_or(0));
            return Err(failure);
        }
        self.command("DATA", &[354]).await?;
        self.write(&stuffed(message)).await?;
        self.expect("the mail", &[250]).await?;
        // The mail is taken; whether the goodbye is heard matters to nobody.
        let _ = self.write(b"QUIT\r\n").await;
        let _ = self.stream.shutdown().await;
        Ok(refused.into_iter().map(|(to, failure)| format!("{to}: {}", failure.message)).collect())
    }

    async fn authenticate(
        &mut self,
        offers: &Offers,
        credentials: &Credentials,
    ) -> Result<(), Failure> {
        let ways = offers.parameters("AUTH").unwrap_or_default();
        let offered = |way: &str| ways.iter().any(|offered| offered == way);
        let Credentials { identity, user, password } = credentials;
        let [plain, secret] = encoded(identity, user, password.expose());
        if offered("PLAIN") {
            self.ask(&format!("AUTH PLAIN {plain}"), "AUTH PLAIN", &[235]).await?;
        } else if offered("LOGIN") {
            self.command("AUTH LOGIN", &[334]).await?;
            self.ask(&BASE64.encode(user), "the user of AUTH LOGIN", &[334]).await?;
            self.ask(&secret, "the password of AUTH LOGIN", &[235]).await?;
        } else {
            let text = "offers neither AUTH PLAIN nor AUTH LOGIN, and a user is configured";
            return Err(Failure::new(FailureClass::Refused, text));
        }
        Ok(())
    }

    /// Sends a line that may be named in messages.
    async fn command(&mut self, line: &str, expected: &[u16]) -> Result<Reply, Failure> {
        self.ask(line, line, expected).await
    }

    /// Sends `line`; in messages it is called `name`.
    async fn ask(&mut self, line: &str, name: &str, expected: &[u16]) -> Result<Reply, Failure> {
        // Addresses and names are checked when they are configured; this is the last line of defence.
        if line.contains(['\r', '\n']) {
            return Err(Failure::new(FailureClass::Refused, "a configured value has line ends"));
        }
        self.write(format!("{line}\r\n").as_bytes()).await?;
        self.expect(name, expected).await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.stream.write_all(bytes).await.map_err(|error| dial::broken(&error))?;
        self.stream.flush().await.map_err(|error| dial::broken(&error))
    }

    async fn expect(&mut self, name: &str, expected: &[u16]) -> Result<Reply, Failure> {
        let reply = self.reply().await?;
        if expected.contains(&reply.code) {
            return Ok(reply);
        }
        let class = match reply.code {
            400..=499 => FailureClass::TryLater,
            500..=599 => FailureClass::Refused,
            _ => FailureClass::Garbled,
        };
        let said = one_line(&reply.lines.join(" "));
        let said = clip(&said, MAX_TEXT_CHARS);
        Err(Failure::new(class, format!("answered {} {said} to {name}", reply.code)))
    }

    async fn reply(&mut self) -> Result<Reply, Failure> {
        let garbled = || Failure::new(FailureClass::Garbled, "the answer is no SMTP");
        let mut lines = Vec::new();
        let mut read = 0;
        loop {
            let line = self.line().await?;
            read += line.len();
            let code = line.get(..3).and_then(|code| code.parse().ok()).ok_or_else(garbled)?;
            let text = line.get(4..).unwrap_or_default().to_owned();
            lines.push(text);
            match line.as_bytes().get(3) {
                Some(b'-') if read < MAX_REPLY_BYTES => {}
                None | Some(b' ') => return Ok(Reply { code, lines }),
                _ => return Err(garbled()),
            }
        }
    }

    async fn line(&mut self) -> Result<String, Failure> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            if self.buffer.len() > MAX_REPLY_BYTES {
                return Err(Failure::new(FailureClass::Garbled, "the answer is no SMTP"));
            }
            let mut part = [0; 2048];
            let count = self.stream.read(&mut part).await.map_err(|error| dial::broken(&error))?;
            if count == 0 {
                let text = "the server hung up";
                return Err(Failure::new(FailureClass::Unreachable, text));
            }
            self.buffer.extend_from_slice(&part[..count]);
        }
    }
}

/// The mail as DATA takes it: lines that begin with a full stop get another, and one alone ends it.
fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 64);
    for line in message.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.first() == Some(&b'.') {
            out.push(b'.');
        }
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_stop_at_the_beginning_of_a_line_does_not_end_the_mail() {
        assert_eq!(stuffed(b"a\r\n.\r\n.b\nc"), b"a\r\n..\r\n..b\r\nc\r\n.\r\n");
    }

    #[test]
    fn what_a_server_offers_is_read_in_old_and_new_form() {
        let offers = Offers(vec!["SIZE 1000".to_owned(), "auth=LOGIN plain".to_owned()]);
        assert!(offers.has("size") && !offers.has("STARTTLS"));
        assert_eq!(offers.parameters("AUTH").unwrap(), ["LOGIN", "PLAIN"]);
    }
}
