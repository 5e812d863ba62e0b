//! Every grant tells the host's rules what was asked for, resources and proposed lifetimes included.

use super::*;

fn of(resource: &ResourceUri, text: &str) -> Asked {
    Asked { resource: vec![resource.clone()], ..asked(Some(text)) }
}

fn may(client: Client, resource: &ResourceUri) -> Authenticated<Client> {
    Authenticated::supposed(Client { resources: vec![resource.clone()], ..client })
}

#[test]
fn every_grant_tells_the_host_s_rules_which_resource_was_asked_for() {
    let (mut bench, resource) = with_resource();
    let sees = seen(&mut bench);
    let (around, off) = (bench.around(), &mut Trace::off());
    client_credentials::decide(of(&resource, "read"), &may(confidential(), &resource), &around, off).unwrap();
    password::decide(of(&resource, "read"), &may(public(), &resource), &user(), FAMILY, &around, off).unwrap();
    let held = FamilyRecord { resource: vec![resource.clone()], ..family() };
    let app = may(public(), &resource);
    refresh_token::decide(&of(&resource, "read"), &app, &held, Some(user()), &around, off).unwrap();
    let request = ExtensionRequest {
        extension: &extension(false),
        parameters: ExtensionParameters::default(),
        asked: of(&resource, "read"),
    };
    let proposal = proposed(|it| it.lifetime = Some(Duration::from_secs(9)));
    extension::decide(&request, &proposal, &app, Some(user()), FAMILY, &around, off).unwrap();
    assert_eq!(
        lines(&sees),
        [
            r#"client_credentials client [] read ["urn:api:1"] None false true"#,
            r#"password client [alice] read ["urn:api:1"] None true true"#,
            r#"refresh_token client [alice] read ["urn:api:1"] None true true"#,
            r#"urn:test:1 client [alice] read ["urn:api:1"] Some(9s) false true"#,
        ]
    );
}
