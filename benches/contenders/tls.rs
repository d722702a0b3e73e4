//! What the first event costs beside a warm one when the services are behind TLS, with the certificates of an authority of our own.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::contender::{Contender, Places};
use crate::figures::{median, millis};
use crate::job::Kind;
use crate::measure::Running;
use crate::options::Options;
use crate::services::Services;

/// Events to warm a contender with, and as many to measure.
const WARM: usize = 20;

/// Usher, which opens connections ahead, and the SDK as it comes.
const CONTENDERS: [&str; 2] = ["usher", "plain"];

/// The medians of one contender, times in milliseconds.
const COLUMNS: [&str; 11] = [
    "",
    "answers",
    "start",
    "CPU",
    "opened",
    "first",
    "warm",
    "ratio",
    "first CPU",
    "warm CPU",
    "ratio",
];

/// What one start, its first event and warm ones took.
struct Sample {
    start: Duration,
    start_cpu: Duration,
    /// Handshakes before the first event, and all.
    handshakes: [usize; 2],
    first: Duration,
    first_cpu: Duration,
    warm: Duration,
    warm_cpu: Duration,
}

/// With services that take their time, and with services that answer at once.
///
/// # Errors
/// What cannot be prepared, or what a contender did wrong.
pub fn measure(places: &Places, options: &Options) -> Result<(), String> {
    let mut contenders = Vec::new();
    for name in CONTENDERS {
        if options.wants(name) {
            contenders.push(places.prepare(name)?);
        }
    }
    let bundle = places.work.join("authority.pem");
    let tls = authority(&bundle).map_err(|error| format!("the authority: {error}"))?;
    println!("{}", line(&COLUMNS.map(str::to_owned)));
    for latency in [options.latency, Duration::ZERO] {
        let mut samples: Vec<Vec<Sample>> = contenders.iter().map(|_| Vec::new()).collect();
        for round in 0..=options.rounds {
            for (contender, samples) in contenders.iter().zip(&mut samples) {
                let services = Services::start(latency, Some(Arc::clone(&tls)));
                let services = services.map_err(|error| error.to_string())?;
                let contender = trusting(contender, &bundle);
                let one = sample(&contender, services, &places.work)?;
                // The first round brings the files into memory.
                if round > 0 {
                    samples.push(one);
                }
            }
        }
        for (contender, samples) in contenders.iter().zip(&samples) {
            println!("{}", line(&row(contender.name, latency, samples)));
        }
    }
    println!(
        "\nms; answers: how long the services take; opened: handshakes until just before the first event, and until the end"
    );
    Ok(())
}

/// A contender that trusts the authority, in its own way.
fn trusting(contender: &Contender, bundle: &Path) -> Contender {
    let bundle = bundle.display().to_string();
    let mut environment = contender.environment.clone();
    environment.extend([("AWS_CA_BUNDLE", bundle.clone()), ("SSL_CERT_FILE", bundle)]);
    Contender {
        name: contender.name,
        command: contender.command.clone(),
        environment,
        artefact: contender.artefact,
        works: contender.works,
    }
}

fn sample(contender: &Contender, services: Services, work: &Path) -> Result<Sample, String> {
    let running = Running::with(contender, &[], services, work)?;
    // What goes on beside the first poll belongs to the start.
    thread::sleep(Duration::from_millis(30));
    let start_cpu = running.usage().cpu;
    let before = running.services.server.handshakes();
    let mut events = 0;
    let mut some = |count: usize| -> Result<(Duration, Duration), String> {
        let from = running.usage().cpu;
        let mut times = Vec::new();
        for person in 0..count {
            times.push(running.invoke(Kind::Change, person)?.took);
        }
        // An event ends with the next poll, not with the answer.
        events += count;
        running.runtime.poll(1 + events);
        thread::sleep(Duration::from_millis(5));
        let used = running.usage().cpu.saturating_sub(from);
        times.sort();
        Ok((times[count / 2], used / u32::try_from(count).unwrap_or(1)))
    };
    let (first, first_cpu) = some(1)?;
    some(WARM)?;
    let (warm, warm_cpu) = some(WARM)?;
    Ok(Sample {
        start: running.start,
        start_cpu,
        handshakes: [before, running.services.server.handshakes()],
        first,
        first_cpu,
        warm,
        warm_cpu,
    })
}

fn row(name: &str, latency: Duration, samples: &[Sample]) -> [String; 11] {
    let of = |figure: fn(&Sample) -> f64| median(samples.iter().map(figure));
    let (first, warm) = (of(|one| millis(one.first)), of(|one| millis(one.warm)));
    let first_cpu = of(|one| millis(one.first_cpu));
    let warm_cpu = of(|one| millis(one.warm_cpu));
    let before = of(|one| one.handshakes[0] as f64);
    let all = of(|one| one.handshakes[1] as f64);
    [
        name.to_owned(),
        format!("{}", millis(latency)),
        format!("{:.2}", of(|one| millis(one.start))),
        format!("{:.2}", of(|one| millis(one.start_cpu))),
        format!("{before} {all}"),
        format!("{first:.2}"),
        format!("{warm:.2}"),
        format!("{:.2}", first / warm),
        format!("{first_cpu:.2}"),
        format!("{warm_cpu:.2}"),
        format!("{:.2}", first_cpu / warm_cpu),
    ]
}

fn line(cells: &[String; 11]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| format!("{cell:>9}")).collect();
    cells.join(" ")
}

/// Writes the certificate of a new authority to a file. Gives what a server on loopback needs to be trusted by who trusts it.
fn authority(bundle: &Path) -> Result<Arc<ServerConfig>, Box<dyn std::error::Error>> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate()?;
    fs::write(bundle, params.self_signed(&key)?.pem())?;
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate()?;
    let params = CertificateParams::new(["127.0.0.1".to_owned()])?;
    let certificate = params.signed_by(&key, &issuer)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    Ok(Arc::new(config))
}
