//! Every code of the model has its text in every locale, and no argument breaks one.

use std::time::Duration;

use praya_model::password::{PasswordRule, PasswordRules};
use praya_model::resource::ResourceKind;
use praya_model::{
    ChannelReason, DataChannel, EndReason, Failure, FailureCode, SupportCode, Timestamp, TokenSerial,
    TunnelState, samples,
};
use proptest::prelude::*;

use crate::{Arg, Isolation, Locale, Texts, TimeZone};

const RULES: PasswordRules = PasswordRules {
    min_length: 15,
    max_length: 128,
    need_upper: true,
    need_lower: true,
    need_digit: true,
    only_letters_and_digits: true,
    not_the_account: true,
    not_common: true,
    not_the_old: true,
};

fn texts(locale: Locale) -> Texts {
    Texts::new(locale, &TimeZone::fixed(jiff::tz::offset(8)), Isolation::Off)
}

/// A text that was found, and whose arguments were all there: what is missing shows as `{$name}`, a missing message
/// as its id.
fn assert_whole(text: &str, locale: Locale, what: &impl std::fmt::Debug) {
    let has_gap = text.contains('{') || text.contains('}') || text.trim().is_empty();
    let is_id = text.is_ascii() && text.contains('-') && !text.contains(' ');
    assert!(!has_gap && !is_id, "{locale}: {what:?}: {text:?}");
}

#[test]
fn every_failure_has_its_text_in_every_locale() {
    for locale in Locale::ALL {
        let texts = texts(locale);
        for code in samples::failures() {
            let text = texts.failure(&code.clone().into());
            assert_whole(&text.what, locale, &code);
            if let Some(remedy) = text.remedy {
                assert_whole(&remedy, locale, &code);
            }
            let under = texts.failure_under(&code.clone().into(), Some(&RULES));
            assert_whole(&under.what, locale, &code);
        }
    }
}

#[test]
fn every_end_state_rule_kind_and_warning_has_words_of_its_own_in_every_locale() {
    for locale in Locale::ALL {
        let texts = texts(locale);
        let all_different = |words: Vec<String>| {
            words.iter().for_each(|text| assert_whole(text, locale, &"one of many"));
            let distinct: std::collections::HashSet<_> = words.iter().collect();
            assert_eq!(distinct.len(), words.len(), "{locale}: {words:?}");
        };
        all_different(EndReason::ALL.map(|reason| texts.end(reason)).to_vec());
        all_different(states().map(|state| texts.state(state)).to_vec());
        all_different(kinds().map(|kind| texts.kind(kind)).to_vec());
        let mut rules = RULES.rules();
        rules.push(PasswordRule::Matches);
        all_different(rules.iter().map(|rule| texts.rule(*rule, Some(&RULES))).collect());
        all_different(rules.iter().map(|rule| texts.rule(*rule, None)).collect());
        all_different(ChannelReason::ALL.map(|reason| texts.channel_reason(reason)).to_vec());
        for channel in DataChannel::ALL {
            assert_whole(&texts.channel(channel, ChannelReason::Opening), locale, &channel);
        }
        let times = [Duration::from_micros(400), Duration::from_micros(12_900)];
        all_different(times.map(|time| texts.round_trip(time)).to_vec());
        all_different(samples::warnings().iter().map(|warning| texts.warning(warning)).collect());
    }
}

/// All of them: a new one does not compile before it stands here.
fn states() -> [TunnelState; 7] {
    use TunnelState as S;
    let _exhaustive = |state: S| match state {
        S::NoSession
        | S::Restoring
        | S::SigningIn
        | S::Connected
        | S::Reconnecting
        | S::IdleWarning
        | S::Ended => (),
    };
    [S::NoSession, S::Restoring, S::SigningIn, S::Connected, S::Reconnecting, S::IdleWarning, S::Ended]
}

/// All of them, as [`states`].
fn kinds() -> [ResourceKind; 5] {
    use ResourceKind as K;
    let _exhaustive = |kind: K| match kind {
        K::Web | K::Rdp | K::Ssh | K::FileShare | K::Other => (),
    };
    [K::Web, K::Rdp, K::Ssh, K::FileShare, K::Other]
}

#[test]
fn no_text_is_kept_for_a_code_that_is_no_more() {
    let failures =
        samples::failures().into_iter().map(|code| format!("failure-{}", crate::failure_name(&code)));
    let ends = EndReason::ALL.map(|reason| format!("end-{}", reason.as_str().replace('_', "-")));
    let known: Vec<String> = failures.chain(ends).collect();
    let ids = include_str!("../../../ui/locales/en/common.ftl").lines();
    for id in ids.filter_map(|line| line.split_once(" =").map(|(id, _)| id)) {
        if id.starts_with("failure-") || id.starts_with("end-") {
            assert!(known.iter().any(|known| known == id), "{id}");
        }
    }
}

#[test]
fn the_channel_is_said_with_its_reason_and_a_round_trip_in_milliseconds() {
    for (locale, line, short, long) in [
        (Locale::En, "TLS – UDP gets no answer; this network may block it", "under 1 ms", "12 ms"),
        (Locale::ZhHantTw, "TLS：UDP 沒有回應，此網路可能封鎖了 UDP", "不到 1 毫秒", "12 毫秒"),
        (Locale::ZhHantMo, "TLS：UDP 沒有回應，此網絡可能阻擋了 UDP", "不到 1 毫秒", "12 毫秒"),
        (Locale::PtMo, "TLS – o UDP não obtém resposta; esta rede pode bloqueá-lo", "menos de 1 ms", "12 ms"),
    ] {
        let texts = texts(locale);
        assert_eq!(texts.channel(DataChannel::Tls, ChannelReason::Unanswered), line);
        assert_eq!(texts.round_trip(Duration::from_micros(999)), short);
        assert_eq!(texts.round_trip(Duration::from_micros(12_900)), long);
    }
}

#[test]
fn a41_a_failure_carries_help_desk_and_support_code() {
    let failure = Failure {
        code: FailureCode::Locked { seconds_left: 300 },
        support: Some(SupportCode::new("K7Q2-M4")),
        help_desk: Some("IT, phone 1234\u{1b}[2J".into()),
        told_at: None,
    };
    let text = texts(Locale::En).failure(&failure);
    assert_eq!(text.what, "Sign-in is locked for this account. It opens by itself in 5 minutes.");
    assert_eq!(text.support.as_deref(), Some("K7Q2-M4"));
    assert_eq!(text.help_desk.as_deref(), Some("IT, phone 1234 [2J"));
}

#[test]
fn e1_the_four_troubles_with_a_code_have_four_messages_and_four_remedies() {
    let serial = || TokenSerial::new("F88AC2B6");
    for locale in Locale::ALL {
        let texts = texts(locale);
        let told = [
            FailureCode::WrongOtp,
            FailureCode::ReplayedOtp { next_in_seconds: 12 },
            FailureCode::OtpClockOff { serial: serial() },
            FailureCode::TokenInactive { serial: serial(), days: 60 },
        ]
        .map(|code| texts.failure(&code.into()));
        let different = |pick: fn(&crate::FailureText) -> String| {
            told.iter().map(pick).collect::<std::collections::HashSet<_>>().len()
        };
        assert_eq!(different(|text| text.what.clone()), 4);
        assert_eq!(different(|text| text.remedy.clone().unwrap()), 4);
        assert!(told[1].what.contains("12") && told[3].what.contains("60"), "{told:?}");
    }
}

#[test]
fn a18_two_entries_that_differ_are_told_so_and_a_broken_rule_with_its_number() {
    let texts = texts(Locale::En);
    let broken = |broken: &[PasswordRule]| FailureCode::PasswordRules { broken: broken.to_vec() }.into();
    assert_eq!(texts.failure(&broken(&[PasswordRule::Matches])).what, "The two entries differ.");
    let short = broken(&[PasswordRule::MinLength, PasswordRule::Digit]);
    assert_eq!(
        texts.failure_under(&short, Some(&RULES)).what,
        "The new password breaks a rule: at least 15 characters; a digit."
    );
    assert_eq!(
        texts.failure(&short).what,
        "The new password breaks a rule: long enough; a digit.",
        "a gateway that does not tell its rules"
    );
}

#[test]
fn an_end_reads_the_same_as_a_failure_and_by_itself() {
    for locale in Locale::ALL {
        let texts = texts(locale);
        for reason in EndReason::ALL {
            let failure = texts.failure(&FailureCode::SessionEnded { reason }.into());
            assert_eq!((failure.what, failure.remedy), (texts.end(reason), texts.end_remedy(reason)));
        }
    }
}

#[test]
fn b16_taiwan_and_macau_have_words_of_their_own_and_macau_keeps_the_sources_labels() {
    let (tw, mo) = (texts(Locale::ZhHantTw), texts(Locale::ZhHantMo));
    assert_eq!((tw.say("sign-in-account"), mo.say("sign-in-account")), ("帳號".into(), "帳戶".into()));
    for (id, taiwan, source) in [
        ("label-vpn-name", "VPN 名稱", "VPN 名稱"),
        ("label-ip-address", "IP 位址", "IP 地址"),
        ("label-user", "使用者名稱", "用戶名"),
        ("label-duration", "連線時間", "連接時間"),
        ("label-received", "接收位元組", "接收字節數"),
        ("label-sent", "傳送位元組", "發送字節數"),
        ("header-disconnect", "中斷連線", "中斷連接"),
    ] {
        assert_eq!((tw.say(id), mo.say(id)), (taiwan.into(), source.into()));
    }
    for texts in [tw, mo] {
        assert!(texts.say("tray-show-resource").ends_with("(Show Resource)"));
        assert!(texts.say("tray-exit").ends_with("(Exit)"));
    }
}

#[test]
fn times_and_numbers_are_in_the_readers_form() {
    // Wednesday, 2020-07-22 10:22 in Taipei and Macau.
    let at = Timestamp::from_secs(1_595_384_520);
    for (locale, span, bytes, instant) in [
        (Locale::En, "4 minutes 30 seconds", "23.55 KB", "22 Jul 2020, 10:22"),
        (Locale::ZhHantTw, "4 分鐘 30 秒", "23.55 KB", "2020/7/22 (週三) 上午 10:22"),
        (Locale::ZhHantMo, "4 分鐘 30 秒", "23.55 KB", "2020年7月22日 上午10:22"),
        (Locale::PtMo, "4 minutos e 30 segundos", "23,55 KB", "22/07/2020 10:22"),
    ] {
        let texts = texts(locale);
        let left = [("seconds_left", Arg::from(270_u32))];
        let text = texts.say_with("idle-announce", &left);
        assert!(text.contains(span), "{text}");
        let text = texts.say_with("header-per-second", &[("n", 24_115_u32.into())]);
        assert!(text.starts_with(bytes), "{text}");
        let text = texts.say_with("elsewhere-since", &[("since", at.into())]);
        assert!(text.contains(instant), "{text}");
        assert!(texts.say_with("idle-text", &left).contains(span));
    }
}

#[test]
fn a_span_is_said_in_its_two_largest_units() {
    let texts = texts(Locale::En);
    for (seconds, text) in [
        (0, "0 seconds"),
        (1, "1 second"),
        (59, "59 seconds"),
        (60, "1 minute"),
        (90, "1 minute 30 seconds"),
        (3_600, "1 hour"),
        (36_060, "10 hours 1 minute"),
        (172_799, "47 hours 59 minutes"),
        (172_800, "2 days"),
        (180_000, "2 days 2 hours"),
    ] {
        let left = Some(Duration::from_secs(seconds));
        assert!(texts.gateway_not_told(left).contains(&format!("in {text} at")), "{text}");
    }
    assert!(self::texts(Locale::PtMo).gateway_not_told(Some(Duration::ZERO)).contains("0 segundos"));
}

#[test]
fn an_hour_of_the_night_and_noon_are_told_apart_in_twelve_hours() {
    let tw = texts(Locale::ZhHantTw);
    let midnight = 1_595_347_200; // 2020-07-22 00:00 +08:00
    for (hour, text) in [(0, "凌晨 12:00"), (5, "上午 5:00"), (12, "下午 12:00"), (23, "下午 11:00")]
    {
        let at =
            tw.say_with("elsewhere-since", &[("since", Timestamp::from_secs(midnight + hour * 3600).into())]);
        assert!(at.contains(text), "{at}");
    }
}

#[test]
fn what_is_not_there_is_shown_by_its_id() {
    let texts = texts(Locale::PtMo);
    assert_eq!(texts.say("no-such-text"), "no-such-text");
    assert_eq!(texts.attribute("state-connected", "remedy", &[]), None);
}

#[test]
fn names_are_isolated_where_that_is_asked_for() {
    let isolating = Texts::new(Locale::En, &TimeZone::UTC, Isolation::On);
    let name = [("name", "שלום".into())];
    assert_eq!(isolating.say_with("sign-in-to", &name), "Sign in to \u{2068}שלום\u{2069}");
    assert_eq!(texts(Locale::En).say_with("sign-in-to", &name), "Sign in to שלום");
}

proptest! {
    #[test]
    fn no_argument_of_a_peer_breaks_a_text_or_steers_a_terminal(
        text in any::<String>(),
        seconds in any::<u32>(),
        at in any::<i64>(),
        which in 0_usize..4,
    ) {
        let texts = texts(Locale::ALL[which]);
        for code in [
            FailureCode::GatewaySays { text: text.clone() },
            FailureCode::Unreachable { gateway: text.clone(), cause: text.clone() },
            FailureCode::Locked { seconds_left: seconds },
        ] {
            let told = texts.failure(&code.into());
            let steers = |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
            prop_assert!(!told.what.contains(steers), "{:?}", told.what);
            prop_assert!(!told.what.is_empty());
        }
        let at = [("at", Timestamp::from_millis(at).into()), ("source", Arg::from(&text))];
        prop_assert!(!texts.say_with("last-sign-in", &at).is_empty());
    }
}
