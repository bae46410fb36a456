//! The client against real servers: nginx, plain and behind TLS, by HTTP/1.1 and HTTP/2; Python's
//! http.server; Node.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use brownout::{
    client::{
        Answer, Call, Client, ClientSetup, Exchange, MemberSetup, Network, PooledClient, RequestId,
        Session, Wiring,
    },
    measure::Outcome,
    plan::{self, Here, Overrides, ServiceId},
    scenario::{
        self,
        model::{Method, Reuse},
    },
    target,
};
use tokio::time::Instant;

use crate::support::{Bench, eventually, free_address, nginx::Nginx};

/// Longer than any honest answer here takes.
const PATIENCE: Duration = Duration::from_secs(60);
const MEGABYTES: u64 = 100;

/// A client of one service, with what its visitors share.
struct Visitors {
    client: PooledClient,
    session: Session,
}

impl Visitors {
    /// `service` is what stands in the target file.
    fn of(bench: &Bench, service: &str, reuse: Reuse) -> Self {
        let target = bench.write(
            "target.yaml",
            &format!(
                "brownout: 1\ntarget: t\nenvironment: staging\nservices:\n  web: {{{service}, \
                 features: {{all: {{routes: [\"GET /\"], probe: GET /}}}}}}\n"
            ),
        );
        let scenario = bench.write(
            "scenario.yaml",
            "brownout: 1\nscenario: s\ntarget: target.yaml\nphases: [{calm: 60s}]\n\
             load: {v: {journey: j, arrivals: 10/s}}\njourneys: {j: [{step: a, get: \"web:/\"}]}\n\
             steady_state: [web success >= 99%]\n",
        );
        let (scenario, _) = scenario::load(&scenario).unwrap_or_else(told);
        let (target, _) = target::load(&target, &|_| None).unwrap_or_else(told);
        let here = Here {
            executable: PathBuf::from("brownout"),
            descriptor_limit: 10_000,
            local_ports: 10_000,
            port_reuse: plan::PortReuse::Loopback,
        };
        let (plan, _) =
            plan::resolve(&scenario, &target, &Overrides::default(), &here).unwrap_or_else(told);
        let network = Network::new(&plan, Wiring::default()).expect("usable");
        let setup = ClientSetup {
            members: vec![MemberSetup {
                reuse,
                resolvers: 1,
                ..MemberSetup::default()
            }],
            connections: 10,
            worker: 0,
            workers: 1,
        };
        let client = PooledClient::new(network, &setup);
        let session = client.session(0, 0);
        Self { client, session }
    }

    async fn send(&mut self, call: Call<'_>) -> Exchange {
        self.client.send(&mut self.session, call).await
    }

    async fn get(&mut self, path: &str) -> Answer {
        let exchange = self.send(call(Method::Get, path)).await;
        exchange
            .result
            .unwrap_or_else(|outcome| panic!("{path}: {}", outcome.name()))
    }
}

fn call(method: Method, path: &str) -> Call<'_> {
    Call {
        id: RequestId::Probe(1),
        service: ServiceId(0),
        method,
        path,
        headers: &[],
        body: None,
        deadline: Instant::now() + PATIENCE,
        connect_timeout: PATIENCE,
        first_byte_timeout: None,
        keep_body: true,
        keep_headers: true,
    }
}

fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    answer.headers.get(name)?.to_str().ok()
}

/// What was wrong with a file or a plan.
fn told<T>(found: brownout::diagnostic::Diagnostics) -> T {
    panic!("{}", found.render(brownout::diagnostic::RenderStyle::Plain))
}

/// A file of so many bytes that takes no room.
fn large_file(path: &Path) {
    let file = File::create(path).expect("a file");
    file.set_len(MEGABYTES << 20).expect("sparse");
}

/// nginx with one answer of each kind; `listen` is what stands behind the address.
fn nginx(bench: &Bench, address: &str, listen: &str) -> Nginx {
    let folder = bench.path("nginx/files");
    std::fs::create_dir_all(&folder).expect("a folder");
    large_file(&folder.join("large.txt"));
    std::fs::write(folder.join("page.txt"), "a line of a page\n".repeat(1000)).expect("written");
    let certificates = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/certs");
    let certificates = certificates.display();
    let configuration = format!(
        "worker_processes 1; pid nginx.pid; error_log error.log warn;
         events {{ worker_connections 100; }}
         http {{
           access_log off; types {{ text/plain txt; }} default_type text/plain;
           client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
           uwsgi_temp_path uwsgi; scgi_temp_path scgi;
           ssl_certificate {certificates}/server.pem;
           ssl_certificate_key {certificates}/server.key;
           server {{
             listen {address} {listen}; root files;
             keepalive_requests 3;
             location = /which {{ return 200 \"$connection $connection_requests $server_protocol\"; }}
             location = /empty {{ return 204; }}
             location = /moved {{ return 302 /elsewhere; }}
             location = /missing {{ return 404 no; }}
             location = /broken {{ return 503 no; }}
             location = /dropped {{ return 444; }}
             location = /gzip.txt {{
               gzip on; gzip_min_length 1; gzip_types text/plain; alias files/page.txt;
             }}
             location / {{ }}
           }}
         }}"
    );
    Nginx::start(bench, &configuration, address)
}

/// What any client has to get from that nginx.
async fn nginx_is_understood(visitors: &mut Visitors, dropped: Outcome) {
    let page = visitors.get("/page.txt").await;
    assert_eq!((page.status, page.body.len()), (200, 17_000));
    for (path, status, body) in [
        ("/empty", 204, ""),
        ("/missing", 404, "no"),
        ("/broken", 503, "no"),
    ] {
        let answer = visitors.get(path).await;
        assert_eq!(
            (answer.status, &*answer.body),
            (status, body.as_bytes()),
            "{path}"
        );
    }
    let moved = visitors.get("/moved").await;
    assert_eq!(moved.status, 302);
    assert!(
        header(&moved, "location")
            .expect("told")
            .ends_with("/elsewhere")
    );
    let head = visitors.send(call(Method::Head, "/page.txt")).await;
    let head = head.result.expect("an answer");
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(header(&head, "content-length"), Some("17000"));

    // compressed, so of no known length; it is not unpacked
    let headers = [(
        "accept-encoding".parse().expect("a name"),
        "gzip".parse().expect("a value"),
    )];
    let squeezed = Call {
        headers: &headers,
        ..call(Method::Get, "/gzip.txt")
    };
    let squeezed = visitors.send(squeezed).await.result.expect("an answer");
    assert_eq!(header(&squeezed, "content-encoding"), Some("gzip"));
    assert_eq!(header(&squeezed, "content-length"), None);
    assert!(squeezed.body.starts_with(&[0x1f, 0x8b]) && squeezed.body.len() < 1000);

    let begun = Call {
        keep_body: false,
        ..call(Method::Get, "/large.txt")
    };
    let whole = visitors.send(begun).await.result.expect("all of it");
    assert_eq!(
        header(&whole, "content-length"),
        Some(&*(MEGABYTES << 20).to_string())
    );
    assert_eq!(whole.body.len(), 0, "nobody wanted it");
    assert_eq!(
        visitors.get("/empty").await.status,
        204,
        "and what comes next is understood"
    );

    let unanswered = visitors.send(call(Method::Get, "/dropped")).await;
    assert_eq!(unanswered.result.expect_err("no answer"), dropped);
}

/// `connection request protocol` of so many requests in a row.
async fn which(visitors: &mut Visitors, count: usize) -> Vec<(u64, u64, String)> {
    let mut all = Vec::new();
    for _ in 0..count {
        let answer = visitors.get("/which").await;
        let text = String::from_utf8(answer.body.to_vec()).expect("text");
        let mut words = text.split(' ');
        let mut number = || words.next().and_then(|w| w.parse().ok()).expect("a number");
        let (connection, request) = (number(), number());
        all.push((
            connection,
            request,
            words.next().expect("a protocol").to_owned(),
        ));
    }
    all
}

#[tokio::test]
async fn nginx_by_http1_and_its_limit_of_requests_on_a_connection() {
    for tls in [false, true] {
        let bench = Bench::new();
        let address = free_address();
        let _nginx = nginx(&bench, &address, if tls { "ssl" } else { "" });
        let mut visitors = Visitors::of(&bench, &service(&address, tls, ""), Reuse::Journey);
        nginx_is_understood(&mut visitors, Outcome::ClosedEarly).await;

        let mut visitors = Visitors::of(&bench, &service(&address, tls, ""), Reuse::Journey);
        let seen = which(&mut visitors, 7).await;
        let requests: Vec<_> = seen.iter().map(|(_, request, _)| *request).collect();
        assert_eq!(
            requests,
            [1, 2, 3, 1, 2, 3, 1],
            "kept as long as nginx is willing"
        );
        assert_eq!(seen[0].0, seen[2].0);
        assert_ne!(seen[2].0, seen[3].0);
        assert_eq!(seen[0].2, "HTTP/1.1");
    }
}

#[tokio::test]
async fn nginx_by_http2_and_its_farewells() {
    let bench = Bench::new();
    let address = free_address();
    let _nginx = nginx(&bench, &address, "ssl http2");
    for reuse in [Reuse::Journey, Reuse::Shared] {
        let spoken = service(&address, true, ", protocol: http2, streams: 10");
        let mut visitors = Visitors::of(&bench, &spoken, reuse);
        // nothing but the stream is dropped
        nginx_is_understood(&mut visitors, Outcome::Reset).await;

        // after its limit of requests nginx says GOAWAY, which is nobody's failure
        let mut visitors = Visitors::of(&bench, &spoken, reuse);
        let seen = which(&mut visitors, 9).await;
        assert!(
            seen.iter().all(|(_, _, protocol)| protocol == "HTTP/2.0"),
            "{seen:?}"
        );
        let connections: std::collections::BTreeSet<_> = seen.iter().map(|one| one.0).collect();
        assert!(connections.len() > 1 && connections.len() < 9, "{seen:?}");
    }
}

/// A service at an address, as the target file has it.
fn service(address: &str, tls: bool, more: &str) -> String {
    if !tls {
        return format!("url: \"http://{address}\"{more}");
    }
    let authority = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/certs/ca.pem");
    format!(
        "url: \"https://secure.test\", at: \"{address}\", tls: {{ca: \"{}\"}}{more}",
        authority.display()
    )
}

/// A server process, killed at the end.
struct Server(Child);

impl Server {
    fn start(command: &mut Command, address: &str) -> Self {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let server = Self(child.spawn().expect("it is installed (see ci/test)"));
        eventually("a server", || std::net::TcpStream::connect(address).ok());
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // it may have ended by itself
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn port(address: &str) -> &str {
    address.rsplit_once(':').expect("a port").1
}

#[tokio::test]
async fn python_answers_by_http_1_0_and_closes() {
    let bench = Bench::new();
    let address = free_address();
    bench.write("page.txt", "a page");
    std::fs::create_dir(bench.path("folder")).expect("a folder");
    large_file(&bench.path("large.bin"));
    let mut command = Command::new("python3");
    command.args([
        "-m",
        "http.server",
        port(&address),
        "--bind",
        "127.0.0.1",
        "--directory",
    ]);
    let _server = Server::start(command.arg(bench.path(".")), &address);
    let mut visitors = Visitors::of(&bench, &service(&address, false, ""), Reuse::Journey);
    for _ in 0..2 {
        assert_eq!(visitors.get("/page.txt").await.body, "a page");
        assert_eq!(visitors.get("/none").await.status, 404);
        assert_eq!(visitors.get("/folder").await.status, 301);
    }
    let head = visitors.send(call(Method::Head, "/page.txt")).await;
    assert_eq!(
        header(&head.result.expect("an answer"), "content-length"),
        Some("6")
    );
    let large = visitors.get("/large.bin").await;
    assert_eq!(large.body.len(), 1 << 20, "no more than anybody looks at");
}

const NODE: &str = r#"
const http = require('http');
http.createServer((request, response) => {
  const many = (count, then) => {
    if (count === 0) return then();
    response.write('x'.repeat(1000));
    setImmediate(() => many(count - 1, then));
  };
  switch (request.url) {
    case '/chunked': return many(20, () => response.end('end'));
    case '/trailers':
      response.writeHead(200, {Trailer: 'x-sum'});
      response.write('body');
      response.addTrailers({'x-sum': '4'});
      return response.end();
    case '/hints':
      response.writeEarlyHints({link: '</a.css>; rel=preload; as=style'});
      response.writeProcessing();
      return response.end('after hints');
    case '/close':
      response.writeHead(200, {Connection: 'close'});
      response.write('until ');
      return response.end('the end');
    case '/raw':
      request.socket.end('HTTP/1.1 200 OK\r\n\r\nuntil the end');
      return;
    case '/cut':
      response.writeHead(200, {'Content-Length': 100});
      response.write('not all');
      return setTimeout(() => response.destroy(), 50);
    case '/reset': return request.socket.resetAndDestroy();
    case '/garbage': return request.socket.end('what?\r\n\r\n');
    case '/echo': {
      let length = 0;
      request.on('data', (piece) => { length += piece.length; });
      return request.on('end', () => response.end(String(length)));
    }
    case '/port': return response.end(String(request.socket.remotePort));
  }
}).listen(Number(process.argv[2]), '127.0.0.1');
"#;

#[tokio::test]
async fn node_sends_chunks_trailers_and_hints() {
    let bench = Bench::new();
    let address = free_address();
    let script = bench.write("server.js", NODE);
    let mut command = Command::new("node");
    let _server = Server::start(command.arg(script).arg(port(&address)), &address);
    let mut visitors = Visitors::of(&bench, &service(&address, false, ""), Reuse::Journey);
    let first = visitors.get("/port").await.body;
    let chunked = visitors.get("/chunked").await;
    assert_eq!(header(&chunked, "transfer-encoding"), Some("chunked"));
    assert_eq!(
        (chunked.body.len(), &chunked.body[20_000..]),
        (20_003, &b"end"[..])
    );
    assert_eq!(visitors.get("/trailers").await.body, "body");
    assert_eq!(visitors.get("/hints").await.body, "after hints");
    let sent = Call {
        body: Some(vec![b'x'; 3 << 20].into()),
        ..call(Method::Post, "/echo")
    };
    let echo = visitors.send(sent).await.result.expect("an answer");
    assert_eq!(echo.body, (3 << 20).to_string());
    assert_eq!(
        visitors.get("/port").await.body,
        first,
        "all on one connection"
    );

    assert_eq!(visitors.get("/close").await.body, "until the end");
    assert_ne!(visitors.get("/port").await.body, first, "a new one");
    assert_eq!(visitors.get("/raw").await.body, "until the end");
    for (path, expected) in [
        ("/cut", Outcome::ClosedEarly),
        ("/reset", Outcome::Reset),
        ("/garbage", Outcome::Protocol),
    ] {
        let exchange = visitors.send(call(Method::Get, path)).await;
        assert_eq!(exchange.result.expect_err("broken"), expected, "{path}");
        assert_eq!(visitors.get("/chunked").await.status, 200, "after {path}");
    }
}
