//! Alibaba Cloud as a stand-in: one that is asked without a network, and one on a port of this machine that does on its
//! connections what it is told.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use serde_json::json;
use shared::egress::transport_error::TransportError;
use shared::protocol::alibaba_cloud::AlibabaCloudNetwork;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Answers as it is told and remembers what it was sent.
#[derive(Default)]
pub struct ScriptedAliyun {
    answers: Mutex<VecDeque<Result<Response<Bytes>, TransportError>>>,
    requests: Mutex<Vec<Request<Bytes>>>,
}

impl ScriptedAliyun {
    /// The next call gets this answer.
    pub fn answer(&self, status: u16, body: impl Into<Bytes>) {
        let answer = Response::builder().status(status).body(body.into()).expect("an answer");
        self.answers.lock().unwrap().push_back(Ok(answer));
    }

    /// The next call gets none.
    pub fn fail(&self, reason: TransportError) {
        self.answers.lock().unwrap().push_back(Err(reason));
    }

    /// Every call, in order.
    pub fn requests(&self) -> Vec<Request<Bytes>> {
        self.requests.lock().unwrap().clone()
    }
}

#[async_trait]
impl AlibabaCloudNetwork for ScriptedAliyun {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        self.requests.lock().unwrap().push(request);
        self.answers.lock().unwrap().pop_front().expect("an answer to give")
    }
}

/// A granted link, as Alibaba Cloud says it.
pub fn granted(url: &str) -> String {
    json!({
        "Code": "OK",
        "Message": "请求成功",
        "RequestId": "8906582E-6722",
        "Data": {"AuthorizationUrl": url},
    })
    .to_string()
}

/// An error, as Alibaba Cloud says it.
pub fn refused(code: &str, message: &str) -> String {
    json!({"RequestId": "8906582E-6722", "HostId": "h", "Code": code, "Message": message}).to_string()
}

/// What is done once a request was read.
#[derive(Clone)]
pub enum Step {
    /// This is answered, with a status and a body.
    Answer(u16, String),
    /// These bytes are written as they are.
    Bytes(String),
    /// The connection is closed.
    HangUp,
    /// Nothing, for ever.
    Silence,
}

/// A server that does what it is told on each connection, in order, and then closes it.
pub struct Server {
    pub endpoint: String,
    connections: Arc<Mutex<Vec<Vec<Request<Bytes>>>>>,
    _serving: JoinSet<()>,
}

impl Server {
    /// Serves one connection for each list of steps; one more is closed at once.
    pub async fn start(script: Vec<Vec<Step>>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let connections = Arc::<Mutex<Vec<Vec<Request<Bytes>>>>>::default();
        let mut serving = JoinSet::new();
        let seen = connections.clone();
        serving.spawn(async move {
            let mut of_each = JoinSet::new();
            let mut script = VecDeque::from(script);
            loop {
                let (connection, _) = listener.accept().await.expect("a connection");
                let number = {
                    let mut seen = seen.lock().unwrap();
                    seen.push(Vec::new());
                    seen.len() - 1
                };
                of_each.spawn(serve(
                    connection,
                    script.pop_front().unwrap_or_default(),
                    seen.clone(),
                    number,
                ));
            }
        });
        Self { endpoint, connections, _serving: serving }
    }

    /// The requests of each connection.
    pub fn connections(&self) -> Vec<Vec<Request<Bytes>>> {
        self.connections.lock().unwrap().clone()
    }
}

async fn serve(
    mut connection: TcpStream,
    steps: Vec<Step>,
    seen: Arc<Mutex<Vec<Vec<Request<Bytes>>>>>,
    number: usize,
) {
    for step in steps {
        let Some(request) = read(&mut connection).await else { return };
        seen.lock().unwrap()[number].push(request);
        let answer = match step {
            Step::Answer(status, body) => format!(
                "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            ),
            Step::Bytes(bytes) => bytes,
            Step::HangUp => return,
            Step::Silence => std::future::pending().await,
        };
        // Who has read enough hangs up first.
        let _ = connection.write_all(answer.as_bytes()).await;
    }
}

/// A request without a body, as it came; `None` at the end of the connection.
async fn read(connection: &mut TcpStream) -> Option<Request<Bytes>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).expect("text");
    let mut lines = head.lines();
    let mut first = lines.next().expect("a line").split(' ');
    let (method, target) = (first.next().expect("a method"), first.next().expect("a target"));
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        assert!(name != "content-length" || value == "0", "a body came");
        request = request.header(name, value);
    }
    Some(request.body(Bytes::new()).expect("a request"))
}
