//! A ledger that gives no answer says why, and never grants.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use usher::aws::dynamodb::TableError;
use usher::ledger::{Claim, KEY, Ledger, LedgerError, Release};

use super::support::{ask, endpoint, fresh_target, in_table, second, table};

async fn failed_claim(ledger: &Ledger, target: &str) -> LedgerError {
    match ledger.claim(&ask(target, "a", 1, 10), second(0)).await {
        Ok(answer) => panic!("no answer expected: {answer:?}"),
        Err(error) => {
            assert!(error.retryable());
            assert!(!error.to_string().contains(target), "{error}");
            error
        }
    }
}

/// A loopback server that gives one answer to every request.
async fn answering(status: &'static str, body: &'static str) -> Ledger {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 16 * 1024];
            if stream.read(&mut request).await.is_ok() {
                let answer = format!(
                    "HTTP/1.1 {status}\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: {}\r\n\
                     connection: close\r\n\r\n{body}",
                    body.len()
                );
                stream.write_all(answer.as_bytes()).await.ok();
            }
        }
    });
    in_table(&format!("http://{address}"), "ledger").await
}

#[tokio::test]
async fn a_table_that_does_not_exist_is_named() {
    let Some(endpoint) = endpoint() else { return };
    let ledger = in_table(&endpoint, "no-such-table").await;
    let error = failed_claim(&ledger, "target").await;
    assert!(
        matches!(error, LedgerError::Table(TableError::Missing { .. })),
        "{error:?}"
    );
    assert!(error.to_string().contains("`no-such-table`"), "{error}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    drop(listener);
    let ledger = in_table(&format!("http://{address}"), "ledger").await;
    let error = failed_claim(&ledger, "target").await;
    assert!(
        matches!(error, LedgerError::Table(TableError::Unreachable { .. })),
        "{error:?}"
    );
    assert!(error.to_string().contains("Connection refused"), "{error}");
}

#[tokio::test]
async fn a_server_in_trouble_is_unreachable() {
    for (status, body) in [
        (
            "500 Internal Server Error",
            r#"{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"x"}"#,
        ),
        ("503 Service Unavailable", ""),
        ("200 OK", "not JSON"),
    ] {
        let error = failed_claim(&answering(status, body).await, "target").await;
        assert!(
            matches!(error, LedgerError::Table(TableError::Unreachable { .. })),
            "{status}: {error:?}"
        );
    }
}

#[tokio::test]
async fn throttles_are_called_so() {
    for body in [
        r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"x"}"#,
        r#"{"__type":"com.amazon.coral.availability#ThrottlingException","message":"x"}"#,
        r#"{"__type":"com.amazonaws.dynamodb.v20120810#RequestLimitExceeded","message":"x"}"#,
    ] {
        let error = failed_claim(&answering("400 Bad Request", body).await, "target").await;
        assert!(
            matches!(error, LedgerError::Table(TableError::Throttled { .. })),
            "{body}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_missing_permission_is_named() {
    let body = r#"{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"User: x is not authorized"}"#;
    let error = failed_claim(&answering("400 Bad Request", body).await, "target").await;
    assert!(
        matches!(error, LedgerError::Table(TableError::AccessDenied { .. })),
        "{error:?}"
    );
    assert!(error.to_string().contains("dynamodb:UpdateItem"), "{error}");
    assert!(error.to_string().contains("not authorized"), "{error}");
}

#[tokio::test]
async fn a_release_fails_as_a_claim_does() {
    let ledger = Ledger::in_memory();
    let asked = ask("target", "a", 1, 10);
    let Ok(Claim::Granted(lease)) = ledger.claim(&asked, second(0)).await else {
        panic!("the first is granted");
    };
    let body =
        r#"{"__type":"com.amazonaws.dynamodb.v20120810#ValidationException","message":"no"}"#;
    let broken = answering("400 Bad Request", body).await;
    let error = broken
        .release(lease, Release::Written)
        .await
        .expect_err("no answer");
    assert!(
        matches!(error, LedgerError::Table(TableError::Refused { .. })),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_row_that_somebody_else_wrote_is_never_written_over() {
    let Some((endpoint, client, name)) = table().await else {
        return;
    };
    let target = fresh_target();
    let key = aws_sdk_dynamodb::types::AttributeValue::S(target.clone());
    let put = client.put_item().table_name(&name).item(KEY, key);
    put.send().await.expect("moto's server takes the item");
    let ledger = in_table(&endpoint, &name).await;
    let error = failed_claim(&ledger, &target).await;
    assert!(
        matches!(
            error,
            LedgerError::Unreadable {
                member: "claimant",
                ..
            }
        ),
        "{error:?}"
    );
}
