//! What a `Set-Cookie` line asks of a browser. The value is never kept.

#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Cookie {
    pub(super) name: String,
    pub(super) is_secure: bool,
    pub(super) is_http_only: bool,
    /// In lower case.
    pub(super) same_site: Option<String>,
    /// In lower case, without a dot before it.
    pub(super) domain: Option<String>,
    pub(super) path: Option<String>,
}

impl Cookie {
    /// Reads a line as a browser does (RFC 6265, section 5.2).
    pub(super) fn read(line: &str) -> Self {
        let mut parts = line.split(';');
        let pair = parts.next().unwrap_or_default();
        let name = pair.split_once('=').map_or("", |(name, _)| name);
        let mut cookie = Self {
            name: name.trim().to_owned(),
            ..Self::default()
        };
        for part in parts {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let value = value.trim();
            match name.trim().to_ascii_lowercase().as_str() {
                "secure" => cookie.is_secure = true,
                "httponly" => cookie.is_http_only = true,
                "samesite" => cookie.same_site = Some(value.to_ascii_lowercase()),
                "domain" => {
                    let domain = value.trim_start_matches('.').to_ascii_lowercase();
                    cookie.domain = (!domain.is_empty()).then_some(domain);
                }
                "path" => cookie.path = Some(value.to_owned()),
                _ => {}
            }
        }
        cookie
    }

    /// Why a browser drops it, whatever the host; `None` where it keeps it.
    pub(super) fn dropped(&self, is_https: bool) -> Option<&'static str> {
        let is_host = self.name.starts_with("__Host-");
        if self.is_secure && !is_https {
            Some("is Secure, and the page is not https")
        } else if (is_host || self.name.starts_with("__Secure-")) && !self.is_secure {
            Some("has a prefix that is for Secure cookies, and is not Secure")
        } else if is_host && (self.domain.is_some() || self.path.as_deref() != Some("/")) {
            Some("begins with __Host-, and has a Domain or another Path than /")
        } else if self.same_site.as_deref() == Some("none") && !self.is_secure {
            Some("is SameSite=None without Secure")
        } else {
            None
        }
    }

    pub(super) fn is_for(&self, host: &str) -> bool {
        (self.domain.as_deref()).is_none_or(|domain| {
            host == domain
                || host
                    .strip_suffix(domain)
                    .is_some_and(|rest| rest.ends_with('.'))
        })
    }
}
