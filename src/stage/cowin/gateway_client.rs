//! One call to the SMS gateway.

use std::time::Duration;

use hyper::{Method, StatusCode};
use serde_json::json;

use crate::stage::StageError;
use crate::stage::peer::{CallError, Peer};

/// A message on its way to a phone.
#[derive(Debug, Clone)]
pub(super) struct Sms {
    /// To whom.
    pub(super) mobile: String,
    /// The code.
    pub(super) otp: String,
}

/// Why a message was not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    /// There was no answer.
    #[error("the call to the sms gateway brought no answer")]
    Call(#[from] CallError),
    /// The gateway said something other than 2xx.
    #[error("the sms gateway answered {0}")]
    Status(StatusCode),
}

/// Knows where the gateway is.
#[derive(Debug, Clone)]
pub(super) struct GatewayClient(Peer);

impl GatewayClient {
    /// Takes `http://host[:port]`.
    pub(super) fn new(url: &str) -> Result<Self, StageError> {
        Peer::new(url, "an SMS gateway").map(Self)
    }

    /// Hands one message over, within `deadline`.
    pub(super) async fn send(&self, sms: &Sms, deadline: Duration) -> Result<(), SendError> {
        let text = format!(
            "{} is your OTP to register for vaccination. Valid for 3 minutes",
            sms.otp
        );
        let body = json!({"mobile": sms.mobile, "otp": sms.otp, "text": text}).to_string();
        let call = self.0.call(Method::POST, "/send", None, body, deadline);
        let (status, _) = call.await?;
        if status.is_success() {
            Ok(())
        } else {
            Err(SendError::Status(status))
        }
    }
}
