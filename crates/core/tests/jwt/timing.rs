//! The time that comparing secrets takes, which must not tell how much of a guess is right.
//!
//! A secret's type allows no comparison but in constant time, and a test checks that. `cargo xtask soak timing` measures the time
//! itself, as dudect does. It makes very many comparisons in random order: one half differ in the first byte, the other half in the
//! last. Welch's t says whether their times differ by more than chance. It is printed and fails nothing, for a busy machine is noisy.

use std::fs;
use std::hint::black_box;
use std::marker::PhantomData;
use std::path::Path;
use std::time::Instant;

use mastra_auth_cloud_core::cookie::SetCookie;
use mastra_auth_cloud_core::encoding::constant_time_eq;
use mastra_auth_cloud_core::entropy::Entropy;
use mastra_auth_cloud_core::jwt::{Algorithm, KeySet, SharedSecret};
use mastra_auth_cloud_core::login::state::{State, StateId};
use mastra_auth_cloud_core::secret::{AuthorizationCode, LoginSecret, SessionToken, Verifier};

use crate::signer::{check, good_claims, keys, rules, token};

/// Whether a type has `==`: the constant of the type itself is found first, and is there only where its bound holds.
struct Compares<T>(PhantomData<T>);

trait No {
    const PLAINLY: bool = false;
}

impl<T> No for Compares<T> {}

impl<T: PartialEq> Compares<T> {
    const PLAINLY: bool = true;
}

#[test]
fn threat_018_a_secret_has_no_comparison_that_stops_early() {
    const { assert!(Compares::<String>::PLAINLY, "or nothing would be found") };
    for (name, plainly) in [
        ("SessionToken", Compares::<SessionToken>::PLAINLY),
        ("AuthorizationCode", Compares::<AuthorizationCode>::PLAINLY),
        ("Verifier", Compares::<Verifier>::PLAINLY),
        ("LoginSecret", Compares::<LoginSecret>::PLAINLY),
        ("SharedSecret", Compares::<SharedSecret>::PLAINLY),
        ("KeySet", Compares::<KeySet>::PLAINLY),
        ("Entropy", Compares::<Entropy>::PLAINLY),
        ("StateId", Compares::<StateId>::PLAINLY),
        ("State", Compares::<State>::PLAINLY),
        ("SetCookie", Compares::<SetCookie>::PLAINLY),
    ] {
        assert!(!plainly, "{name} has `==`");
    }
}

/// The source of the core without white space.
fn source(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|_| panic!("{}", path.display()));
    text.split_whitespace().collect()
}

#[test]
fn threat_018_what_is_compared_is_compared_in_constant_time() {
    for (file, compares) in [
        (
            "secret.rs",
            "crypto::same(self.0.as_bytes(),other.0.as_bytes())",
        ),
        ("encoding.rs", "crypto::same(left,right)"),
        (
            "crypto/aws_lc.rs",
            "constant_time::verify_slices_are_equal(left,right)",
        ),
        ("crypto/aws_lc.rs", "hmac::verify(&self.0,message,code)"),
        ("crypto/rust_crypto.rs", "left.ct_eq(right)"),
        ("crypto/rust_crypto.rs", "same(&own.finish(),code)"),
        (
            "login/cookie.rs",
            "constant_time_eq(&seal,&parts.seal(&verifier,state))",
        ),
        (
            "jwt/key.rs",
            "Material::Secret(key)=>key.verify(signed,signature)",
        ),
    ] {
        assert!(source(file).contains(compares), "{file}: {compares}");
    }
}

/// Measurements of one kind; each is of so many comparisons.
const ROUNDS: u32 = 400_000;
const AT_ONCE: u32 = 8;
/// The slowest in so many are thrown away: something else ran in between.
const SLOWEST: usize = 20;
/// From here on dudect speaks of a leak.
const LEAK: f64 = 10.0;

/// How long comparisons took, in nanoseconds each: those of the first byte, and those of the last.
struct Times([Vec<f64>; 2]);

impl Times {
    /// Measures what `prepare` makes of a byte's place.
    fn of<Compare: Fn() -> bool>(length: usize, prepare: impl Fn(usize) -> Compare) -> Self {
        let mut times = [Vec::new(), Vec::new()];
        let mut dice = 0x9E37_79B9_7F4A_7C15_u64;
        for _ in 0..ROUNDS {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            let which = usize::from(dice.is_multiple_of(2));
            let compare = prepare(if which == 0 { 0 } else { length - 1 });
            let begin = Instant::now();
            for _ in 0..AT_ONCE {
                assert!(!black_box(compare()));
            }
            let took = begin.elapsed().as_secs_f64() * 1e9;
            times[which].push(took / f64::from(AT_ONCE));
        }
        Self(times)
    }

    /// Without what is slower than most of all together.
    fn cropped(mut self) -> Self {
        let mut all: Vec<f64> = self.0.iter().flatten().copied().collect();
        all.sort_by(f64::total_cmp);
        let most = all[all.len() - all.len() / SLOWEST - 1];
        for times in &mut self.0 {
            times.retain(|time| *time <= most);
        }
        self
    }

    /// Welch's t, and by how much the last byte takes longer.
    fn welch(&self) -> (f64, f64) {
        let [first, last] = self.0.each_ref().map(|times| {
            let count = f64::from(u32::try_from(times.len()).unwrap());
            let mean = times.iter().sum::<f64>() / count;
            let squares = times.iter().map(|time| (time - mean).powi(2)).sum::<f64>();
            (mean, squares / (count - 1.0) / count)
        });
        let later = last.0 - first.0;
        (later / (first.1 + last.1).sqrt(), later)
    }
}

#[allow(clippy::print_stdout, reason = "its figures")]
fn tell(name: &str, times: Times) {
    let (t, later) = times.cropped().welch();
    let says = if t.abs() < LEAK {
        "nothing to see"
    } else {
        "it tells"
    };
    println!("{name}: t = {t:.1}, the last byte {later:+.2} ns: {says}");
}

fn changed(text: &str, at: usize) -> String {
    let mut bytes = text.as_bytes().to_vec();
    bytes[at] = if bytes[at] == b'A' { b'Q' } else { b'A' };
    String::from_utf8(bytes).unwrap()
}

#[test]
#[ignore = "a measurement and no test: cargo xtask soak timing"]
#[allow(clippy::print_stdout, reason = "its figures")]
fn soak_timing() {
    println!(
        "{ROUNDS} times {AT_ONCE} comparisons of each kind; a |t| of {LEAK} and more is a leak"
    );
    let text = token(Algorithm::Hs256, &good_claims());
    let secret = SessionToken::parse(&text).unwrap();
    let times = Times::of(text.len(), |at| {
        let guess = SessionToken::parse(&changed(&text, at)).unwrap();
        let secret = &secret;
        move || black_box(secret).same_as(black_box(&guess))
    });
    tell("a session token with a guess", times);

    let seal = [0x5a; 32];
    let times = Times::of(seal.len(), |at| {
        let mut guess = seal;
        guess[at] ^= 1;
        move || constant_time_eq(black_box(&seal), black_box(&guess))
    });
    tell("the seal of a login cookie with a guess", times);

    let (keys, rules) = (keys(Algorithm::Hs256), rules(Algorithm::Hs256));
    let (input, signature) = text.rsplit_once('.').unwrap();
    // The last letter but one: not each is possible at the very end.
    let times = Times::of(signature.len() - 1, |at| {
        let guess = format!("{input}.{}", changed(signature, at));
        let (keys, rules) = (&keys, &rules);
        move || check(black_box(&guess), keys, rules).is_ok()
    });
    tell("a whole check of an HS256 signature", times);

    let times = Times::of(text.len(), |at| {
        let guess = changed(&text, at);
        let text = text.as_str();
        move || *black_box(text) == *black_box(guess.as_str())
    });
    tell("for comparison, `==` on the same token", times);
}
