//! What a certificate says about itself: who, by whom, from when to when.

use jiff::Timestamp;
use x509_parser::prelude::{FromDer, X509Certificate};

/// The parts of a certificate that a person asks about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateInfo {
    /// First moment at which it is valid.
    pub not_before: Timestamp,
    /// Last moment at which it is valid.
    pub not_after: Timestamp,
    /// Whole subject, such as `CN=infra1, O=Example`.
    pub subject: String,
    /// Common name in the subject, if it has one.
    pub common_name: Option<String>,
    /// Whole subject of the issuer.
    pub issuer: String,
}

/// Bytes that are not a certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct CertificateError(String);

impl CertificateInfo {
    pub(crate) fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        let (_, certificate) =
            X509Certificate::from_der(der).map_err(|error| CertificateError(error.to_string()))?;
        let moment = |seconds| {
            // Years beyond 9999 do not parse in the first place.
            Timestamp::from_second(seconds).map_err(|error| CertificateError(error.to_string()))
        };
        let validity = certificate.validity();
        Ok(Self {
            not_before: moment(validity.not_before.timestamp())?,
            not_after: moment(validity.not_after.timestamp())?,
            subject: certificate.subject().to_string(),
            common_name: certificate
                .subject()
                .iter_common_name()
                .find_map(|name| name.as_str().ok())
                .map(str::to_owned),
            issuer: certificate.issuer().to_string(),
        })
    }

    /// Why it is of no use at `now`, if it is.
    pub(crate) fn problem_at(&self, now: Timestamp) -> Option<String> {
        if now > self.not_after {
            Some(format!("expired at {}", self.not_after))
        } else if now < self.not_before {
            Some(format!("is not valid before {}", self.not_before))
        } else {
            None
        }
    }
}
