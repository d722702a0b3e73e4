//! A clock that is wrong: signatures hold for five minutes, and a desk's clock may be off by more. When a service refuses a signature
//! and its own clock says something else by far, requests are signed by that from then on, to all services. The SDK learns from every
//! answer, and each of its clients for itself (aws-runtime 1.10, `service_clock_skew.rs`).

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use http::HeaderMap;

use super::answer::Refused;

/// Codes that a wrong time may be behind.
const CODES: [&str; 5] = [
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "AuthFailure",
    "RequestTimeTooSkewed",
    "AccessDeniedException",
];

/// Less than this does not invalidate a signature.
const NOTICED: Duration = Duration::from_secs(4 * 60);

/// What no clock is off by. A service says such a time by mistake, or means harm.
const BELIEVED: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// How far the services' clock is ahead of this one's, in milliseconds.
#[derive(Debug, Default)]
pub(super) struct Skew(AtomicI64);

impl Skew {
    /// The services' time.
    pub fn applied(&self, now: SystemTime) -> SystemTime {
        let skew = self.0.load(Ordering::Relaxed);
        let by = Duration::from_millis(skew.unsigned_abs());
        match skew {
            0.. => now.checked_add(by),
            _ => now.checked_sub(by),
        }
        .unwrap_or(now)
    }

    /// Learns from a refusal that came `now` to what was `signed` by another clock. Whether another signature may be accepted.
    pub fn learn(
        &self,
        refused: &Refused,
        headers: &HeaderMap,
        signed: SystemTime,
        now: SystemTime,
    ) -> bool {
        let suspect = refused.code.as_deref();
        if !suspect.is_some_and(|code| CODES.contains(&code)) {
            return false;
        }
        let Some(theirs) = date(headers) else {
            return false;
        };
        let far = |from, to| between(from, to).unsigned_abs();
        if far(signed, theirs) <= NOTICED.as_millis() || far(now, theirs) > BELIEVED.as_millis() {
            return false;
        }
        let skew = i64::try_from(between(now, theirs));
        skew.map(|skew| self.0.store(skew, Ordering::Relaxed))
            .is_ok()
    }
}

fn date(headers: &HeaderMap) -> Option<SystemTime> {
    let text = headers.get(http::header::DATE)?.to_str().ok()?;
    let date = DateTime::from_str(text, Format::HttpDate).ok()?;
    SystemTime::try_from(date).ok()
}

/// Milliseconds from one time to another.
fn between(from: SystemTime, to: SystemTime) -> i128 {
    match to.duration_since(from) {
        Ok(after) => after.as_millis() as i128,
        Err(error) => -(error.duration().as_millis() as i128),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use serde_json::Value;

    use super::*;

    fn at(minute: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(minute * 60)
    }

    fn refused(code: &str) -> Refused {
        Refused {
            status: 403,
            code: Some(code.to_owned()),
            message: None,
            members: Value::Null,
            retry_after: None,
            by_clock: false,
        }
    }

    /// Half past midnight.
    fn headers() -> HeaderMap {
        let date = HeaderValue::from_static("Thu, 01 Jan 1970 00:30:00 GMT");
        HeaderMap::from_iter([(http::header::DATE, date)])
    }

    #[test]
    fn a_clock_that_is_far_off_is_put_right_once() {
        for now in [10, 60] {
            let skew = Skew::default();
            let refused = refused("InvalidSignatureException");
            let learnt = |signed| skew.learn(&refused, &headers(), signed, at(now));
            // Two that were under way together.
            assert!(learnt(at(now)) && learnt(at(now)), "{now}");
            let signed = skew.applied(at(now));
            assert_eq!(signed, at(30));
            assert!(
                !learnt(signed),
                "the same refusal again is of something else"
            );
        }
    }

    #[test]
    fn what_the_clock_has_nothing_to_do_with_changes_nothing() {
        let skew = Skew::default();
        let learnt =
            |code, headers: &HeaderMap, now| skew.learn(&refused(code), headers, at(now), at(now));
        assert!(!learnt("InvalidSignatureException", &headers(), 27));
        assert!(!learnt("ValidationException", &headers(), 90));
        assert!(!learnt("InvalidSignatureException", &HeaderMap::new(), 90));
        let century = 100 * 365 * 24 * 60;
        assert!(!learnt("InvalidSignatureException", &headers(), century));
        assert_eq!(skew.applied(at(90)), at(90));
    }
}
