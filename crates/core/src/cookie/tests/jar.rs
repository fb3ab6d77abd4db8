//! Cookies against a small browser jar: set ones are kept, cleared ones go, and no other host can write ours.

use super::*;

/// The cookies of a browser on `app.example.com`: RFC 6265bis section 5.7, as far as these attributes go.
#[derive(Default)]
struct Jar(Vec<Kept>);

#[derive(PartialEq)]
struct Kept {
    name: String,
    domain: Option<String>,
    path: String,
}

impl Jar {
    fn receive(&mut self, header: &str, is_https: bool) {
        let mut parts = header.split(';').map(str::trim);
        let (name, value) = parts.next().unwrap().split_once('=').unwrap();
        let attributes: Vec<(String, &str)> = parts
            .map(|part| part.split_once('=').unwrap_or((part, "")))
            .map(|(key, value)| (key.to_lowercase(), value))
            .collect();
        let last = |key: &str| {
            attributes
                .iter()
                .rev()
                .find(|(found, _)| found == key)
                .map(|(_, value)| *value)
        };
        let secure = last("secure").is_some();
        let domain = last("domain").map(|domain| domain.trim_start_matches('.').to_lowercase());
        let path = last("path")
            .filter(|path| path.starts_with('/'))
            .unwrap_or("/default")
            .to_owned();
        let lower = name.to_lowercase();
        let matches_host = |domain: &String| {
            domain == "app.example.com" || "app.example.com".ends_with(&format!(".{domain}"))
        };
        let is_dropped = name.len() + value.len() > 4096
            || secure && !is_https
            || domain.as_ref().is_some_and(|domain| !matches_host(domain))
            || last("samesite") == Some("None") && !secure
            || (lower.starts_with("__secure-") || lower.starts_with("__http-")) && !secure
            || lower.starts_with("__http-") && last("httponly").is_none()
            || lower.starts_with("__host-") && (!secure || domain.is_some() || path != "/");
        if is_dropped {
            return;
        }
        let kept = Kept {
            name: name.to_owned(),
            domain,
            path,
        };
        self.0.retain(|old| *old != kept);
        let is_over = match last("max-age") {
            Some(age) => age.parse::<i64>().unwrap() <= 0,
            None => last("expires").is_some_and(|date| date.contains("1970")),
        };
        if !is_over {
            self.0.push(kept);
        }
    }
}

fn every_option() -> impl Iterator<Item = CookieOptions> {
    let names = [
        "mastra_session",
        "s",
        "__Host-s",
        "__host-s",
        "__Secure-s",
        "__SECURE-s",
        "__Http-s",
    ];
    let domains = [
        None,
        Some("example.com"),
        Some(".Example.com"),
        Some("app.example.com"),
    ];
    names.into_iter().flat_map(move |name| {
        [Secure::Yes, Secure::No]
            .into_iter()
            .flat_map(move |secure| {
                [SameSite::Lax, SameSite::Strict, SameSite::None]
                    .into_iter()
                    .flat_map(move |same_site| {
                        domains
                            .into_iter()
                            .map(move |domain| options(name, secure, same_site, domain))
                    })
            })
    })
}

fn for_every_option(mut look: impl FnMut(&CookieOptions, &CookieSpec)) {
    let mut count = 0;
    for options in every_option() {
        if let Ok(spec) = CookieSpec::new(options.clone()) {
            count += 1;
            look(&options, &spec);
        }
    }
    assert!(count > 50, "{count}");
}

#[test]
fn threat_025_clear_matches_set() {
    for_every_option(|options, spec| {
        for spec in [spec.clone(), spec.named("login_1").unwrap()] {
            let mut jar = Jar::default();
            jar.receive(spec.set("t", HOUR).unwrap().expose(), spec.is_secure());
            assert_eq!(jar.0.len(), 1, "not kept: {options:?}");
            jar.receive(spec.clear().expose(), spec.is_secure());
            assert_eq!(jar.0.len(), 0, "not cleared: {options:?}");
        }
    });
}

#[test]
fn what_is_refused_is_what_browsers_drop() {
    for options in every_option() {
        if CookieSpec::new(options.clone()).is_ok() {
            continue;
        }
        let secure = if options.secure == Secure::Yes {
            "; Secure"
        } else {
            ""
        };
        let domain = options
            .domain
            .as_ref()
            .map(|domain| format!("; Domain={domain}"))
            .unwrap_or_default();
        let mut jar = Jar::default();
        let header = format!(
            "{}=t; HttpOnly; SameSite={}; Path=/{secure}{domain}",
            options.name,
            options.same_site.as_str()
        );
        jar.receive(&header, true);
        assert_eq!(jar.0.len(), 0, "a browser keeps {header}");
    }
}

#[test]
fn threat_022_cookie_tossing() {
    // A sibling subdomain may write for the whole domain, but never under the prefixed name.
    let spec = CookieSpec::new(CookieOptions::default()).unwrap();
    let mut jar = Jar::default();
    jar.receive(
        "__Host-mastra_session=evil; Secure; Path=/; Domain=example.com",
        true,
    );
    jar.receive(
        "__host-mastra_session=evil; Secure; Path=/; Domain=example.com",
        true,
    );
    assert_eq!(jar.0.len(), 0);
    jar.receive("mastra_session=evil; Path=/; Domain=example.com", true);
    assert_eq!(
        found("mastra_session=evil; __Host-mastra_session=t", spec.name()),
        ["t"]
    );
}

#[test]
fn threat_026_http_only_always() {
    for_every_option(|_, spec| {
        for set in [
            spec.set("t", HOUR).unwrap(),
            spec.clear(),
            spec.named("l").unwrap().set("t", HOUR).unwrap(),
        ] {
            assert!(
                set.expose().split("; ").any(|part| part == "HttpOnly"),
                "{}",
                set.expose()
            );
            assert!(
                set.expose().split("; ").any(|part| part == "Path=/"),
                "{}",
                set.expose()
            );
        }
    });
}

#[test]
fn threat_028_oversized_cookie_is_an_error() {
    for (name, secure) in [
        ("s", Secure::Yes),
        ("s", Secure::No),
        ("mastra_session", Secure::Yes),
    ] {
        let spec = spec(name, secure, None);
        for total in 3900..=4200 {
            let value = "v".repeat(total - spec.name().len());
            let mut jar = Jar::default();
            match spec.set(&value, HOUR) {
                Ok(set) => {
                    assert!(total <= MAX_COOKIE_BYTES);
                    jar.receive(set.expose(), secure == Secure::Yes);
                    assert_eq!(jar.0.len(), 1, "{total}");
                }
                Err(error) => {
                    assert!(total > MAX_COOKIE_BYTES);
                    assert_eq!(error.code(), "cookie_too_large");
                }
            }
        }
    }
}
