//! `mastra-auth check`: holds a Cloud to the contract, rule by rule.
//!
//! In three parts that know nothing of one another: the plan makes the requests, the rules judge what was seen, and the
//! report shows it. It shares no code with the plugin's client, but reads its key sets and tokens as that does.

pub(crate) mod exchange;
mod mask;
mod plan;
mod probe;
mod reading;
mod report;
mod rule;
mod rules;
mod sign_in;
pub(crate) mod verdict;

use std::fs::{File, OpenOptions};
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use mastra_auth_cloud::ProjectId;
use mastra_auth_cloud::program::DEFAULT_PLATFORM_URL;
use mastra_auth_cloud_core::config::{DEFAULT_BASE_URL, UrlPath};
use mastra_auth_cloud_core::url::BaseUrl;
use reqwest::{Client, Method};

use crate::args::{CheckArgs, CheckDialect, CheckFormat, DialectName};
use crate::demo::open;
use crate::failure::Failure;
use crate::table::{self, Style};
use exchange::{Ask, client};
use plan::{Asked, Listed};
use probe::Seen;
use report::Report;
use rule::{Rule, Severity};
use sign_in::SignIn;
use verdict::Verdict;

const UNREACHABLE: u8 = 4;
/// Most requests of a run.
const AT_MOST: usize = 110;

/// A rule and what a run says of it.
struct Judged {
    rule: &'static Rule,
    verdict: Verdict,
}

pub(crate) async fn run(args: CheckArgs) -> Result<ExitCode, Failure> {
    if args.list {
        return print(&report::list());
    }
    if let Some(id) = &args.explain {
        let rule = rules::all()
            .into_iter()
            .find(|rule| rule.id == id)
            .ok_or_else(|| {
                Failure::usage(format!(
                    "--explain: there is no rule {id:?}; `mastra-auth check --list` shows them"
                ))
            })?;
        return print(&report::explained(rule));
    }
    let (asked, is_loopback) = asked(&args)?;
    let http = client(is_loopback)
        .map_err(|error| Failure::failed(format!("no request can be made: {error}")))?;
    let prefix = prefix(&args)?;
    let dialect = match args.dialect {
        CheckDialect::V1 => DialectName::V1,
        CheckDialect::Pkce => DialectName::Pkce,
        CheckDialect::Platform => DialectName::Platform,
        CheckDialect::Auto => match spoken(&http, &asked.base_url, prefix.as_ref()).await {
            Ok(dialect) => dialect,
            Err(why) => return Ok(unreachable(&asked.base_url, &why)),
        },
    };
    if asked.project_id.is_empty() && dialect != DialectName::Platform {
        let dialect = dialect.as_str();
        return Err(Failure::usage(format!(
            "--project-id must name the project to sign in to: the Cloud speaks the dialect {dialect}"
        )));
    }
    let asked = Asked {
        dialect,
        base_url: without_prefix(&asked.base_url, dialect).to_owned(),
        api_prefix: prefix.map_or_else(
            || own_prefix(dialect).to_owned(),
            |own| own.as_str().to_owned(),
        ),
        ..asked
    };
    let record = args.record.as_deref().map(create).transpose()?;
    let sign_in = sign_in(&args, is_loopback).await?;
    let is_watched = std::io::stderr().is_terminal() && !table::is_dumb();
    say(&announcement(&asked, &sign_in));
    let mut made = 0_u32;
    let mut progress = |what: &str| {
        made = made.saturating_add(1);
        if is_watched {
            let _ = write!(std::io::stderr(), "\r\x1b[K{made} {what}");
        }
    };
    let seen = plan::run(&asked, &http, sign_in, now(), &mut progress).await;
    if is_watched {
        let _ = write!(std::io::stderr(), "\r\x1b[K");
    }
    if let Some(why) = nothing_came(&seen) {
        return Ok(unreachable(&asked.base_url, &why));
    }
    let judged = judge(&seen);
    let seen = seen.masked();
    if let Some(file) = record {
        write(&seen, file)?;
    }
    let shown = judged
        .iter()
        .filter(|judged| args.only.is_empty() || args.only.contains(&judged.rule.group));
    let report = Report::new(&seen, shown.collect());
    let text = match args.format {
        CheckFormat::Table => report.table(Style::of_terminal()),
        CheckFormat::Json => report.json(),
        CheckFormat::Junit => report.junit(),
        CheckFormat::Markdown => report.markdown(),
    };
    print(&text)?;
    Ok(if report.broken(Severity::Must) == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn judge(seen: &Seen) -> Vec<Judged> {
    rules::all()
        .into_iter()
        .filter(|rule| rule.is_of(seen.dialect))
        .map(|rule| Judged {
            rule,
            verdict: match rule.judge(seen) {
                Verdict::Failed(wrong) => Verdict::Failed(seen.secrets.text(&wrong)),
                other => other,
            },
        })
        .collect()
}

/// The options as a plan reads them, and whether the Cloud is on this machine.
fn asked(args: &CheckArgs) -> Result<(Asked, bool), Failure> {
    let default = if args.dialect == CheckDialect::Platform {
        DEFAULT_PLATFORM_URL
    } else {
        DEFAULT_BASE_URL
    };
    let given = args.base_url.as_deref().unwrap_or(default);
    let url = BaseUrl::parse(given)
        .map_err(|malformed| Failure::usage(format!("--base-url must {}", malformed.rule())))?;
    let project = |option: &str, id: &str| {
        ProjectId::parse(id)
            .map(|id| id.as_str().to_owned())
            .map_err(|malformed| Failure::usage(format!("{option} must {}", malformed.rule())))
    };
    let own = args.project_id.as_deref();
    let own = own.map(|id| project("--project-id", id)).transpose()?;
    let other = args.other_project_id.as_deref();
    let token = if args.token_stdin {
        let token = crate::token::from_stdin()?;
        Some(token.ok_or_else(|| Failure::usage("standard input is longer than any token"))?)
    } else {
        None
    };
    let asked = Asked {
        base_url: url.as_str().trim_end_matches('/').to_owned(),
        project_id: own.unwrap_or_default(),
        other_project: other
            .map(|id| project("--other-project-id", id))
            .transpose()?,
        dialect: DialectName::V1,
        token,
        may_end_sessions: args.destroy_session,
        api_prefix: String::new(),
        auth_path: path("--auth-path", &args.auth_path)?.as_str().to_owned(),
        listed: args.redirect_uri.as_deref().map(listed).transpose()?,
    };
    Ok((asked, url.is_loopback()))
}

fn path(option: &str, text: &str) -> Result<UrlPath, Failure> {
    UrlPath::parse(text)
        .map_err(|malformed| Failure::usage(format!("{option} must {}", malformed.rule())))
}

fn prefix(args: &CheckArgs) -> Result<Option<UrlPath>, Failure> {
    let own = args.api_prefix.as_deref();
    own.map(|text| path("--api-prefix", text)).transpose()
}

/// The platform's address may be given with its prefix.
fn without_prefix(base_url: &str, dialect: DialectName) -> &str {
    let bare = base_url.strip_suffix(own_prefix(dialect));
    bare.filter(|_| dialect == DialectName::Platform)
        .unwrap_or(base_url)
}

const fn own_prefix(dialect: DialectName) -> &'static str {
    match dialect {
        DialectName::V1 => "/api/v1",
        DialectName::Pkce => "",
        DialectName::Platform => "/v1",
    }
}

fn listed(text: &str) -> Result<Listed, Failure> {
    Listed::parse(text).ok_or_else(|| {
        Failure::usage(
            "--redirect-uri must be an address over http or https elsewhere than on this machine",
        )
    })
}

async fn sign_in(args: &CheckArgs, is_loopback: bool) -> Result<SignIn, Failure> {
    if args.interactive {
        return SignIn::by_browser(|url| {
            say(&format!("Sign in at {url}"));
            open(url);
        })
        .await
        .map_err(|error| Failure::failed(format!("the browser has no way back: {error}")));
    }
    Ok(if is_loopback && !args.token_stdin {
        SignIn::ByForm
    } else {
        SignIn::Never
    })
}

/// The dialect in which the Cloud refuses a verification without a token: in an envelope, as a problem, or in bare JSON.
async fn spoken(
    client: &Client,
    base_url: &str,
    prefix: Option<&UrlPath>,
) -> Result<DialectName, String> {
    for dialect in [DialectName::V1, DialectName::Platform, DialectName::Pkce] {
        let prefix = prefix.map_or(own_prefix(dialect), UrlPath::as_str);
        let is_platform = dialect == DialectName::Platform;
        let ask = Ask {
            method: if is_platform {
                Method::GET
            } else {
                Method::POST
            },
            url: format!("{}{prefix}/auth/verify", without_prefix(base_url, dialect)),
            headers: Vec::new(),
            body: None,
        };
        let answer = ask.send(client).await?;
        let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let is_enveloped = body.get("ok").is_some_and(serde_json::Value::is_boolean);
        let is_unlike = is_platform && answer.status != 401;
        if body.is_object() && is_enveloped == (dialect == DialectName::V1) && !is_unlike {
            return Ok(dialect);
        }
    }
    Err("no dialect is spoken there: no path of the API answers with JSON; name one with --dialect to see why".to_owned())
}

fn announcement(asked: &Asked, sign_in: &SignIn) -> String {
    let how = match sign_in {
        SignIn::ByForm if asked.dialect == DialectName::Platform => "two sign-ins at its own page",
        SignIn::ByBrowser(_) if asked.dialect == DialectName::Platform => {
            "one sign-in in your browser"
        }
        SignIn::ByForm => "up to eight sign-ins at its own page",
        SignIn::ByBrowser(_) => "up to eight sign-ins in your browser",
        SignIn::Never => "no sign-in",
    };
    let ends = if asked.may_end_sessions && asked.dialect == DialectName::Platform {
        "ends a session of its own"
    } else if asked.may_end_sessions {
        "ends three sessions of its own"
    } else {
        "ends no session"
    };
    let (base_url, dialect) = (&asked.base_url, asked.dialect.as_str());
    let text = format!(
        "checking {base_url} ({dialect}){}\nat most {AT_MOST} requests, {how}\n{ends}",
        report::project(&asked.project_id)
    );
    let lines = text.lines();
    let lines = lines.flat_map(|line| table::wrapped(line, table::WIDTH));
    lines.collect::<Vec<_>>().join("\n")
}

/// Why no request at all was answered.
fn nothing_came(seen: &Seen) -> Option<String> {
    let mut came = seen.exchanges.values().map(|exchange| &exchange.came);
    let first = came.next()?.as_ref().err()?;
    came.all(Result::is_err).then(|| first.clone())
}

fn unreachable(base_url: &str, why: &str) -> ExitCode {
    say(&format!("unreachable: {base_url}: {why}"));
    UNREACHABLE.into()
}

/// Opens the record before anything is asked: a place that cannot be written is wrong usage.
fn create(path: &Path) -> Result<File, Failure> {
    let mut options = OpenOptions::new();
    // What an earlier run wrote stays until there is something to write.
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).and_then(|file| {
        // It may have been there before, for others to read.
        #[cfg(unix)]
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        Ok(file)
    });
    file.map_err(|error| Failure::usage(format!("{} cannot be written: {error}", path.display())))
}

fn write(seen: &Seen, file: File) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::failed(format!("the record cannot be written: {error}"))
    };
    file.set_len(0).map_err(|error| failed(&error))?;
    serde_json::to_writer_pretty(file, seen).map_err(|error| failed(&error))
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_secs()).unwrap_or(i64::MAX)
}

fn print(text: &str) -> Result<ExitCode, Failure> {
    write!(std::io::stdout(), "{text}")
        .map_err(|error| Failure::failed(format!("standard output is closed: {error}")))?;
    Ok(ExitCode::SUCCESS)
}

/// For the person at the terminal: standard output is the report's. If standard error is closed, the text is lost.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

#[cfg(test)]
mod tests;
