//! A proxy with a recipe of the guide, on free ports of loopback and in a folder of its own.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use axum::Router;

use crate::common::until;

const PAGE: &str = include_str!("../../../../docs/guide/behind-a-proxy.md");

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Nginx,
    Haproxy,
    Caddy,
    Envoy,
}

pub(crate) struct Proxy {
    pub(crate) url: String,
    process: Child,
    folder: PathBuf,
}

impl Proxy {
    /// Starts it at this port, before an axum service and a service to protect.
    pub(crate) async fn start(kind: Kind, port: u16, app: &str, behind: u16) -> Self {
        let folder =
            std::env::temp_dir().join(format!("mastra-proxy-{}-{port}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let write =
            |name: &str, language: &str, around: [&str; 2], addresses: &[(&str, String)]| {
                let text = replaced(recipe(language), addresses);
                let path = folder.join(name);
                fs::write(&path, format!("{}{text}{}", around[0], around[1])).unwrap();
                path
            };
        let auth = ("127.0.0.1:4111", format!("127.0.0.1:{app}"));
        let service = ("127.0.0.1:9000", format!("127.0.0.1:{behind}"));
        let mut command = match kind {
            Kind::Nginx => {
                let listen = ("listen 8080", format!("listen 127.0.0.1:{port}"));
                let (before, after) = ("daemon off; pid nginx.pid; error_log stderr crit; events {} http { access_log off;
                    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi;
                    scgi_temp_path scgi;\n", "}");
                let file = write(
                    "nginx.conf",
                    "nginx",
                    [before, after],
                    &[listen, auth, service],
                );
                let mut command = program("NGINX_PROGRAM", "nginx");
                command.arg("-p").arg(&folder).arg("-c").arg(file);
                command
            }
            Kind::Haproxy => {
                let listen = ("bind :8080", format!("bind 127.0.0.1:{port}"));
                write("check.lua", "lua", ["", ""], std::slice::from_ref(&auth));
                let file = write("haproxy.cfg", "haproxy", ["", ""], &[listen, auth, service]);
                let mut command = program("HAPROXY_PROGRAM", "haproxy");
                command
                    .arg("-C")
                    .arg(&folder)
                    .arg("-db")
                    .arg("-f")
                    .arg(file);
                command
            }
            Kind::Caddy => {
                let listen = ("http://:8080", format!("http://:{port}"));
                let alone = "{\nadmin off\npersist_config off\nlog {\nlevel ERROR\n}\n}\n";
                let addresses = [listen, auth, service];
                let file = write("Caddyfile", "caddyfile", [alone, ""], &addresses);
                let mut command = program("CADDY_PROGRAM", "caddy");
                command.args(["run", "--config"]).arg(file);
                command.envs(["XDG_DATA_HOME", "XDG_CONFIG_HOME"].map(|name| (name, &folder)));
                command
            }
            Kind::Envoy => {
                let at = |from, to: &str| (from, format!("port_value: {to}"));
                let addresses = [
                    at("port_value: 8080", &port.to_string()),
                    at("port_value: 4111", app),
                    at("port_value: 9000", &behind.to_string()),
                ];
                let file = write("envoy.yaml", "yaml", ["", ""], &addresses);
                let mut command = program("ENVOY_PROGRAM", "envoy");
                command.args([
                    "--disable-hot-restart",
                    "--concurrency",
                    "1",
                    "-l",
                    "critical",
                ]);
                command.arg("-c").arg(file);
                command
            }
        };
        let process = command
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("{command:?} ({error}): cargo xtask proxies installs or names it")
            });
        let mut proxy = Self {
            url: format!("http://localhost:{port}"),
            process,
            folder,
        };
        until("the proxy listens", || {
            let ended = proxy.process.try_wait().unwrap();
            assert!(ended.is_none(), "the proxy ended: {ended:?}");
            async move {
                let connecting = tokio::net::TcpStream::connect(("127.0.0.1", port));
                connecting.await.is_ok()
            }
        })
        .await;
        proxy
    }

    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Both end their workers with themselves on SIGTERM, which `Child::kill` does not send.
        let stop = Command::new("kill")
            .arg(self.process.id().to_string())
            .status();
        assert!(stop.unwrap().success());
        self.process.wait().unwrap();
        fs::remove_dir_all(&self.folder).unwrap();
    }
}

fn program(variable: &str, name: &str) -> Command {
    Command::new(std::env::var_os(variable).unwrap_or_else(|| name.into()))
}

/// The block of this language in the guide.
fn recipe(language: &str) -> &'static str {
    let (_, rest) = PAGE.split_once(&format!("```{language} ")).unwrap();
    let (_, rest) = rest.split_once('\n').unwrap();
    rest.split_once("```").unwrap().0
}

/// Serves on a free port, until the test ends.
pub(crate) async fn serve(router: Router) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    port
}

/// A recipe with other addresses, each of which must be there: one that was missed would lead elsewhere. In one pass, for the port
/// that is put in may begin like the next one.
fn replaced(recipe: &str, addresses: &[(&str, String)]) -> String {
    for (from, _) in addresses {
        assert!(recipe.contains(from), "{from} is not in the recipe");
    }
    let (mut text, mut rest) = (String::new(), recipe);
    let next = |rest: &str| {
        let found = addresses
            .iter()
            .map(|(from, to)| (rest.find(from), from, to));
        let found = found.filter_map(|(at, from, to)| Some((at?, from.len(), to)));
        found.min_by_key(|(at, ..)| *at)
    };
    while let Some((at, length, to)) = next(rest) {
        text.push_str(&rest[..at]);
        text.push_str(to);
        rest = &rest[at + length..];
    }
    text + rest
}
