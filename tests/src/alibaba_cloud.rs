//! A fake of Alibaba Cloud's API: answers as scripted, without a network, and records the requests.

use std::collections::VecDeque;
use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use serde_json::json;
use shared::egress::transport_error::TransportError;
use shared::protocol::alibaba_cloud::AlibabaCloudNetwork;

/// Answers as scripted and records the requests.
#[derive(Default)]
pub struct ScriptedAlibabaCloud {
    answers: Mutex<VecDeque<Result<Response<Bytes>, TransportError>>>,
    requests: Mutex<Vec<Request<Bytes>>>,
}

impl ScriptedAlibabaCloud {
    /// Answers the next call with this.
    pub fn answer(&self, status: u16, body: impl Into<Bytes>) {
        let answer = Response::builder().status(status).body(body.into()).expect("an answer");
        self.answers.lock().unwrap().push_back(Ok(answer));
    }

    /// Fails the next call.
    pub fn fail(&self, reason: TransportError) {
        self.answers.lock().unwrap().push_back(Err(reason));
    }

    /// The requests, in order.
    pub fn requests(&self) -> Vec<Request<Bytes>> {
        self.requests.lock().unwrap().clone()
    }
}

#[async_trait]
impl AlibabaCloudNetwork for ScriptedAlibabaCloud {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        self.requests.lock().unwrap().push(request);
        self.answers.lock().unwrap().pop_front().expect("an answer to give")
    }
}

/// The body of an answer with a link.
pub fn granted(url: &str) -> String {
    json!({
        "Code": "OK",
        "Message": "请求成功",
        "RequestId": "8906582E-6722",
        "Data": {"AuthorizationUrl": url},
    })
    .to_string()
}

/// The body of an error.
pub fn refused(code: &str, message: &str) -> String {
    json!({"RequestId": "8906582E-6722", "HostId": "h", "Code": code, "Message": message}).to_string()
}
