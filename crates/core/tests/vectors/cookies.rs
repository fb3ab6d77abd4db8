//! Runs `vectors/cookies.json`: reading a Cookie header and writing Set-Cookie.

use core::time::Duration;

use mastra_auth_cloud_core::cookie::{
    CookieOptions, CookieSpec, SameSite, Secure, SessionCookieOptions, SessionCookies, values,
};
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::ids::ProjectId;
use mastra_auth_cloud_core::url::{BaseUrl, RedirectUri};
use serde_json::{Value, json};

#[test]
fn vectors_cookies() {
    let file: Value =
        serde_json::from_str(include_str!("../../../../vectors/cookies.json")).unwrap();
    for case in file["cases"].as_array().unwrap() {
        let result = if case["deployment"].is_object() {
            name(case)
        } else if case["header"].is_string() {
            read(case)
        } else {
            write(case)
        };
        let (key, outcome) = match result {
            Ok(value) => ("expect", value),
            Err(error) => ("error", json!(error.code())),
        };
        assert_eq!(case.get(key), Some(&outcome), "{}", case["name"]);
    }
}

fn name(case: &Value) -> Result<Value, CloudApiError> {
    let given = &case["deployment"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let options = SessionCookieOptions {
        name: given["cookie_name"].as_str().map(str::to_owned),
        ..SessionCookieOptions::default()
    };
    let base_url = BaseUrl::parse(&text(&given["base_url"])).map_err(CloudApiError::argument)?;
    let project_id =
        ProjectId::parse(&text(&given["project_id"])).map_err(CloudApiError::argument)?;
    let redirect_uri =
        RedirectUri::parse(&text(&case["redirect_uri"])).map_err(CloudApiError::argument)?;
    let cookies = SessionCookies::new(&options, &base_url, &project_id)?;
    Ok(cookies.at(Some(redirect_uri.site())).name().into())
}

fn read(case: &Value) -> Result<Value, CloudApiError> {
    let text = |key: &str| case[key].as_str().unwrap_or_default();
    let found = values(text("header"), text("cookie"))?;
    Ok(found.collect::<Vec<_>>().into())
}

fn write(case: &Value) -> Result<Value, CloudApiError> {
    let spec = CookieSpec::new(options(&case["options"]))?;
    let header = match case["value"].as_str() {
        Some(value) => {
            let age = case["max_age_seconds"].as_u64().unwrap_or_default();
            spec.set(value, Duration::from_secs(age))?
        }
        None => spec.clear(),
    };
    Ok(header.expose().into())
}

fn options(given: &Value) -> CookieOptions {
    let defaults = CookieOptions::default();
    CookieOptions {
        name: given["name"].as_str().map_or(defaults.name, str::to_owned),
        secure: match given["secure"] {
            Value::Bool(false) => Secure::No,
            _ => defaults.secure,
        },
        same_site: match given["same_site"].as_str() {
            Some("strict") => SameSite::Strict,
            Some("none") => SameSite::None,
            _ => defaults.same_site,
        },
        prefix: defaults.prefix,
        domain: given["domain"].as_str().map(str::to_owned),
        path: String::new(),
    }
}
