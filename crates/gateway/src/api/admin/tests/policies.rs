//! The room of policies, their deletion, and those that come with the gateway.

use super::*;

#[tokio::test]
async fn policies_fill_so_many_bytes_and_no_more() {
    let site = Site::new();
    let room = usize::try_from(crate::store::MOST_POLICY_BYTES).unwrap() - POLICY.len();
    site.lab.store.save_policy("full", &"x".repeat(room), "admin:test", now()).unwrap();
    assert_eq!(site.good("PUT", "/posture/policies/staff", POLICY).await["version"], 1, "it just fits");
    let (status, failure) = site.call("PUT", "/posture/policies/staff", TOML, POLICY).await;
    assert_eq!((status, &failure["code"]), (StatusCode::CONFLICT, &json!("no_room")));
    site.good("DELETE", "/posture/policies/full", "").await;
    site.good("PUT", "/posture/policies/staff", POLICY).await;
}

#[tokio::test]
async fn a_policy_is_deleted_when_it_is_not_in_force_and_no_version_of_it_comes_again() {
    let site = Site::new();
    for _ in 0..3 {
        site.good("PUT", "/posture/policies/staff", POLICY).await;
    }
    site.good("POST", "/posture/policies/staff/activate", "").await;
    let (status, failure) = site.call("DELETE", "/posture/policies/staff", "", "").await;
    assert_eq!((status, &failure["code"]), (StatusCode::CONFLICT, &json!("in_force")));
    site.good("POST", "/posture/policies/staff/deactivate", "").await;
    site.good("DELETE", "/posture/policies/staff", "").await;
    assert!(site.lab.store.policies_after(("", 0), 99).unwrap().is_empty());
    let (status, failure) = site.call("DELETE", "/posture/policies/staff", "", "").await;
    assert_eq!((status, &failure["code"]), (StatusCode::NOT_FOUND, &json!("not_found")));
    assert_eq!(site.good("PUT", "/posture/policies/staff?after=0", POLICY).await["version"], 4);
    assert_eq!(site.good("PUT", "/posture/policies/staff?after=4", POLICY).await["version"], 5);
    let mut records = site.audited(AuditEvent::PolicyChanged);
    records.sort_by_key(|record| record.id);
    let told: Vec<_> = records.iter().map(|one| (one.code.as_deref().unwrap(), &one.detail)).collect();
    assert_eq!(told[3].0, "activated");
    assert_eq!((&told[3].1["version"], &told[3].1["sha256"]), (&json!(3), &told[0].1["sha256"]));
    assert_eq!(told[0].1["sha256"].as_str().map(str::len), Some(64), "{told:?}");
    assert_eq!(told[4], ("deactivated", &json!({"policy": "staff", "version": 3})));
    assert_eq!(told[5], ("deleted", &json!({"policy": "staff", "newest": 3})));
}

#[tokio::test]
async fn the_policies_of_this_release_are_there_to_be_saved() {
    let site = Site::new();
    let list = site.good("GET", "/posture/built-in", "").await;
    let listed = list["policies"].as_array().unwrap();
    assert_eq!(listed.iter().map(|one| one["id"].as_str().unwrap()).collect::<Vec<_>>(), ["ias", "modern"]);
    for policy in listed {
        let id = policy["id"].as_str().unwrap();
        let one = site.good("GET", &format!("/posture/built-in/{id}"), "").await;
        assert_eq!(one, *policy);
        site.good("PUT", &format!("/posture/policies/{id}"), one["text"].as_str().unwrap()).await;
    }
    let (status, failure) = site.call("GET", "/posture/built-in/none", "", "").await;
    assert_eq!((status, &failure["code"]), (StatusCode::NOT_FOUND, &json!("not_found")));
}
