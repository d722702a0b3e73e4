//! The job that all contenders do: events about a person, and Usher's rules for them. The other contenders have the same
//! written out in their own languages.

use std::fmt::Write;

/// How many rules there are; one is for everyone, the others for a department each.
pub const RULES: usize = 50;

/// Requests that a change of one person takes: three targets, each read and written.
pub const REQUESTS: usize = 6;

/// What an event asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// All three targets differ: three reads, three writes.
    Change,
    /// All three targets are as they should be: three reads.
    Settled,
    /// No rule is for it: no request.
    Unrelated,
}

/// An event about the person of this number.
pub fn event(kind: Kind, person: usize) -> Vec<u8> {
    let (team, department, user) = match kind {
        Kind::Change => (
            "Rates",
            "Department 7",
            format!("3f2a9c64-1d7e-4b85-9a0f-{person:012}"),
        ),
        Kind::Settled => ("Base", "Department 0", format!("settled-{person}")),
        Kind::Unrelated => ("Rates", "Department 7", "nobody".to_owned()),
    };
    let source = match kind {
        Kind::Change | Kind::Settled => "acme.hr",
        Kind::Unrelated => "acme.other",
    };
    format!(
        r#"{{"version":"0","id":"6f1c2b8e-0d5a-4c3e-9b7f-{person:012}","detail-type":"Person Moved","source":"{source}","account":"111122223333","time":"2026-03-02T07:00:04Z","region":"eu-central-1","resources":[],"detail":{{"personId":"p-{person}","userName":"person-{person}","email":"person-{person}@example.com","givenName":"A","familyName":"Person","identityCenterUserId":"{user}","department":"{department}","team":"{team}","manager":"p-10007"}}}}"#
    )
    .into_bytes()
}

/// Usher's rules file.
pub fn rules() -> String {
    let mut rules = EVERYONE.to_owned();
    for number in 1..RULES {
        let instance = ["ml.t3.medium", "ml.t3.large", "ml.t3.xlarge"][number % 3];
        let rule = format!(
            r#"
  - name: department-{number}
    when:
      source: [acme.hr]
      detail-type: [Person Onboarded, Person Moved]
      detail: {{department: [Department {number}]}}
    do:
      - call: sagemaker:UpdateUserProfile
        with:
          DomainId: "{{% $studio %}}"
          UserProfileName: "{{% $profileName(detail.userName) %}}"
          UserSettings:
            JupyterLabAppSettings:
              DefaultResourceSpec: {{InstanceType: {instance}}}
"#
        );
        // A String takes whatever is written to it.
        let _ = rules.write_str(&rule);
    }
    rules
}

const EVERYONE: &str = r#"version: 1
constants: {studio: d-studio, lab: d-lab, lake: dzd_lake, role: "arn:aws:iam::111122223333:role/"}
guards:
  roles: ["arn:aws:iam::111122223333:role/studio-*", "arn:aws:iam::111122223333:role/lab-*"]
rules:
  - name: everyone
    when:
      source: [acme.hr]
      detail-type: [Person Onboarded, Person Moved]
    do:
      - call: sagemaker:UpdateUserProfile
        with:
          DomainId: "{% $studio %}"
          UserProfileName: "{% $profileName(detail.userName) %}"
          UserSettings:
            ExecutionRole: "{% $role & 'studio-' & $lowercase(detail.team) %}"
            SharingSettings: {NotebookOutputOption: Disabled}
      - call: sagemaker:UpdateUserProfile
        with:
          DomainId: "{% $lab %}"
          UserProfileName: "{% $profileName(detail.userName) %}"
          UserSettings:
            ExecutionRole: "{% $role & 'lab-' & $lowercase(detail.team) %}"
      - call: datazone:UpdateUserProfile
        with:
          domainIdentifier: "{% $lake %}"
          userIdentifier: "{% detail.identityCenterUserId %}"
          status: "{% $current.status in ['ACTIVATED', 'DEACTIVATED'] ? 'ACTIVATED' : 'ASSIGNED' %}"
"#;
