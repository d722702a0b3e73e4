//! Calls that failed, as CloudTrail tells of them.
//!
//! A rule for `CreateUser` means that a user has been made. CloudTrail sends an event of the same name when the call was denied
//! or broke off, and only `detail.errorCode` tells the two apart: it is there when the service answered with an error
//! (CloudTrail user guide, record contents). EventBridge matches both, and who writes a pattern seldom thinks of it. So such an
//! event is for those rules only whose pattern names the field.

use serde_json::Value;

/// The path of the field, as patterns name it.
pub const ERROR_CODE: &str = "detail.errorCode";

/// How the `detail-type` of every event from CloudTrail ends: API calls, service events, the console's (EventBridge user
/// guide, AWS service events delivered via AWS CloudTrail).
const VIA_CLOUDTRAIL: &str = " via CloudTrail";

/// Whether the event is CloudTrail's and tells of a call that failed.
pub fn is_failed_call(event: &Value) -> bool {
    let kind = event.get("detail-type").and_then(Value::as_str);
    let code = event
        .get("detail")
        .and_then(|detail| detail.get("errorCode"));
    kind.is_some_and(|kind| kind.ends_with(VIA_CLOUDTRAIL))
        && code.is_some_and(|code| !code.is_null())
}
