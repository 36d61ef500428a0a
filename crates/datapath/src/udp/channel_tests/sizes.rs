//! How long a datagram may be: found, lost, refused, and used.

use super::*;

#[test]
fn the_path_s_size_is_found_and_what_does_not_fit_is_refused() {
    let mut pair = Pair::new();
    pair.carries = Box::new(|_, bytes| bytes.len() <= 1350);
    pair.run(3000);
    let longest = pair.ends[CLIENT].state().longest_packet;
    assert!((1350 - 16 - 38..=1350 - 38).contains(&longest), "{longest}");
    pair.by_tls = [0; 2];
    pair.send(CLIENT, &vec![1; longest]);
    pair.send(CLIENT, &vec![1; longest + 1]);
    pair.run(100);
    assert_eq!(pair.by_tls[CLIENT], 1);
    assert_eq!(pair.packets[GATEWAY].last().unwrap().len(), longest);
}

#[test]
fn a_path_that_begins_to_swallow_long_datagrams_is_noticed_while_data_flows() {
    let mut pair = Pair::up();
    pair.carries = Box::new(|_, bytes| bytes.len() <= 1300);
    for _ in 0..1000 {
        pair.send(CLIENT, &[1; 1400]);
        pair.send(CLIENT, &[1; 100]);
        pair.run(10);
    }
    let longest = pair.ends[CLIENT].state().longest_packet;
    assert!((1300 - 16 - 38..=1300 - 38).contains(&longest), "{longest}");
    assert_eq!(pair.ends[CLIENT].channel(), Channel::Udp);
}

#[test]
fn full_size_segments_of_a_download_arrive_over_paths_that_carry_less_than_the_client_s_link() {
    for limit in [1420, 1300, 1000] {
        let mut pair = Pair::with(psk(), |settings| {
            settings.mtu = 1434;
            if settings.rhythm.role == Role::Gateway {
                settings.longest_datagram = Some(1472);
            }
        });
        // The gateway's way down is the narrow one, and the rest of the search is short.
        let limit_of_datagram = limit - 28;
        pair.carries = Box::new(move |to, bytes| to == GATEWAY || bytes.len() <= limit_of_datagram);
        pair.run(500);
        for _ in 0..600 {
            pair.send(GATEWAY, &[1; 1434]);
            pair.send(GATEWAY, &[1; 1194]);
            pair.run(20);
            // What has been acknowledged.
            if !pair.packets[CLIENT].is_empty() {
                pair.send(CLIENT, &[2; 40]);
                pair.packets[CLIENT].clear();
            }
        }
        let longest = pair.ends[GATEWAY].state().longest_packet + 38;
        assert!((limit_of_datagram - 16..=limit_of_datagram).contains(&longest), "{limit}: {longest}");
        pair.by_tls = [0; 2];
        pair.packets[CLIENT].clear();
        pair.send(GATEWAY, &[1; 1434]);
        pair.send(GATEWAY, &[1; 500]);
        pair.run(100);
        assert_eq!(pair.by_tls[GATEWAY] + pair.packets[CLIENT].len(), 2, "{limit}");
        assert!(pair.by_tls[GATEWAY] >= 1, "what is too long goes by TLS");
    }
}

#[test]
fn the_longest_size_is_in_use_two_round_trips_after_the_choice_of_udp() {
    let mut pair = Pair::new();
    while pair.channels() != [Channel::Udp; 2] {
        pair.run(1);
    }
    pair.run(80);
    for end in [CLIENT, GATEWAY] {
        assert_eq!(pair.ends[end].state().longest_packet, usize::from(MTU));
    }
}

#[test]
fn what_the_machine_s_own_link_refuses_is_not_tried_again() {
    let mut pair = Pair::new();
    pair.ports[CLIENT].0.lock().unwrap().longest = Some(1300);
    pair.run(2000);
    assert!(pair.carries_data());
    assert!(pair.ends[CLIENT].state().longest_packet <= 1300 - 38);
}

#[test]
fn what_the_system_does_not_send_is_counted_and_the_next_long_packets_go_by_tls() {
    let mut pair = Pair::up();
    let _ = pair.ends[CLIENT].take_counts();
    pair.ports[CLIENT].0.lock().unwrap().longest = Some(1000);
    (0..3).for_each(|_| pair.send(CLIENT, &[1; 1100]));
    pair.run(1);
    assert_eq!((pair.by_tls[CLIENT], pair.ends[CLIENT].take_counts().unsent), (0, 3));
    (0..3).for_each(|_| pair.send(CLIENT, &[1; 1100]));
    assert_eq!(pair.by_tls[CLIENT], 3);
}

#[test]
fn a_super_packet_goes_out_as_datagrams_that_fit() {
    let mut pair = Pair::up();
    let payload: Vec<u8> = (0..10_000u32).map(|at| at as u8).collect();
    let mut bytes = vec![0x45, 0, 0, 0, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    bytes.extend([0, 80, 0, 80, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 1, 0, 0, 0, 0, 0]);
    bytes.extend(&payload);
    let len = bytes.len() as u16;
    bytes[2..4].copy_from_slice(&len.to_be_bytes());
    let packet =
        Packet { bytes: bytes.into(), offload: Offload { partial_checksum: true, segment_size: 1360 } };
    assert_eq!(pair.ends[CLIENT].send(&packet, pair.now), Delivery::Delivered);
    pair.run(100);
    let carried: Vec<u8> = pair.packets[GATEWAY].iter().flat_map(|packet| packet[40..].to_vec()).collect();
    assert_eq!(carried, payload);
    assert!(pair.packets[GATEWAY].iter().all(|packet| packet.len() <= usize::from(MTU)));
    assert_eq!(pair.packets[GATEWAY].len(), 8);
}
