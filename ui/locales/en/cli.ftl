### What the command line says besides the common texts.
###
### `cli-remedy-…` stands in place of a failure's own `.remedy` where a terminal has a better one, and
### `cli-doctor-remedy-…` in place of that for whoever has run `praya doctor`. Names of commands, options and files are
### never translated.

## Errors and hints

cli-usage-error = error: { $text }
cli-no-terminal = there is no terminal to ask at; give the answers with --answers-stdin
cli-no-profile = no gateway is known yet; name one with --gateway URL
cli-several-profiles = several gateways are known; choose one with --profile NAME
cli-unexpected-answer = the service gave an answer of another kind

## What to do, with the commands that do it

cli-remedy-sign-in-expired = Start again with: praya login
cli-remedy-unexpected-answer = Start again with: praya login
cli-remedy-session-ended = Sign in with: praya login
cli-remedy-not-signed-in = Sign in with: praya login
cli-remedy-name-not-found = Check the address and this machine's network, or run: praya doctor
cli-remedy-unreachable = Check this machine's network, or run: praya doctor
cli-remedy-unknown-gateway =
    Compare it with the key that your organisation has published, not with anything you got on the way here.
    If they are the same, run the command again with: --pin KEY
cli-remedy-service-unavailable = Start it with: sudo prayad
cli-remedy-version-mismatch = Update both, then restart the service.
cli-remedy-tunnel-up = Take it down first with: praya disconnect, or end the session with: praya logout
cli-remedy-no-tun-device = The service needs /dev/net/tun and the right to manage networks (CAP_NET_ADMIN).
cli-remedy-network-setup = Run: praya doctor
cli-remedy-no-such-resource = See the names with: praya resources
cli-remedy-no-such-profile = See the names with: praya profile list
cli-remedy-profile-taken = Choose another name. To exchange your own gateway of exactly that name, run it again with: --replace
cli-remedy-already-signed-in = See it with: praya status. End it with: praya logout
cli-remedy-in-use-by-another = Ask them to run: praya logout
cli-doctor-remedy-name-not-found = Check the address and this machine's network.
cli-doctor-remedy-unreachable = Check this machine's network.
cli-doctor-remedy-network-setup = Put the network back with: sudo praya reset-network

## Signing in

cli-still-signed-in = You are still signed in; nothing to do.
cli-signed-in-otherwise = You are still signed in. To sign in otherwise, first run: praya logout
cli-signed-in-as = You are still signed in as { $account } at { $gateway }. To sign in otherwise, first run: praya logout
cli-tunnel-late = Signed in. The tunnel is not up yet, trying ...
cli-session-stays = You are signed in, and the service goes on bringing the tunnel up. See: praya status
cli-ask-account = Account:
cli-ask-password = Password:
cli-ask-password-of = Password of { $account }:
cli-ask-code = Code:
cli-ask-answer = Answer:
cli-ask-field = { $label }:
cli-new-password-due = A new password is due.
cli-ask-new-password = New password:
cli-ask-repeat-password = New password again:
cli-ask-present-password = Present password:
cli-rules = It must be:
cli-once-more = Not yet; nothing was sent. Once more.
cli-take-over = End that session and go on here? [y/N]
    .yes = y yes replace
cli-elsewhere = This account is already signed in:

## What was done

cli-cancelled = Cancelled.
cli-change-unknown = Stopped waiting. The new password was sent; whether it is in force shows at the next sign-in.
cli-password-changed = The password is changed.
cli-logged-out = Logged out. The tunnel is down.
cli-telling-gateway = Logged out here. Telling the gateway ...
cli-connecting = The tunnel is being brought up. See: praya status
cli-disconnected = The tunnel is down, the session is kept. Bring it up with: praya connect
cli-profile-added = Stored.
cli-profile-removed = Removed.
cli-no-profiles = No gateway is stored. Add one with: praya profile add NAME --gateway URL
cli-shared = for everybody on this machine
cli-no-resources = Nothing is published to you.
cli-opened = Opened { $name }.
cli-open-yourself = No browser could be started. Open this address yourself: { $address }
cli-use-rdp = Connect your remote desktop program to: { $address }
cli-use-ssh = In a terminal: ssh { $address }
cli-use-file-share = In the file manager: { $address }
cli-status-stopped = The session goes on.

## The network put back

cli-nothing-to-reset = Nothing of Praya's is left on this machine's network.
cli-network-reset = The network is as it was before Praya changed it.
cli-network-partly-reset = Some of Praya's changes could not be taken back:
cli-network-perhaps-reset = What is known of Praya's changes is taken back.
cli-reset-needs-root = Only root may put the network back; run: sudo praya reset-network
cli-not-reset = The network could not be put back: { $why }.
cli-left-alone = left alone, changed by somebody else: { $what }
cli-not-undone = not taken back: { $what }
cli-journal-damaged =
    The undo journal was damaged and is kept as { $path }:
    look in it for settings that are still in force, put them back by hand, and delete it.

## Status

cli-label-note = Note
cli-label-retry = Next attempt
cli-label-ended = Ended
cli-label-problem = Problem
cli-label-warning = Warning
cli-within = in { DURATION($seconds) }

## Doctor

cli-doctor-good = ok
cli-doctor-warning = warn
cli-doctor-bad = FAIL
cli-doctor-skipped = -
cli-check-service = Service
cli-check-service-checks = Checks
cli-check-tun-device = Tunnel device
cli-check-leftovers = Leftovers
cli-check-journal = Leftovers
cli-check-dns = Name servers
cli-check-route = Routes
cli-check-clock = Clock
cli-check-gateway-name = Gateway's name
cli-check-gateway-reachable = Gateway
cli-check-gateway-tls = Gateway's key
cli-check-session = Session
cli-check-resume = Resume
cli-service-answers = prayad { $version } answers
cli-no-service = no answer
cli-not-looked = the service did not look
cli-no-tun = /dev/net/tun is missing
cli-leftovers = the service stopped without cleaning up; start it, or run: sudo praya reset-network
cli-no-leftovers = nothing left behind
cli-not-allowed-to-look = only root can look

## The endpoint check

cli-check-again = Check again? [Y/n]
    .no = n no
cli-posture-intro = This is what Praya reads of this computer. A gateway gets of it what its policy asks for, and nothing else.
cli-posture-nothing-sent = Nothing was sent of this computer.
cli-posture-see-sent = What was sent of this computer, in another terminal: praya check --sent
cli-posture-again = The gateway checks this computer again. See: praya status
cli-posture-part = { $name }: { $value }
cli-posture-asks-nothing = “{ $policy }” asks nothing of this computer.
cli-posture-met = “{ $policy }” would let this computer in.
cli-posture-met-with-warnings = “{ $policy }” would let this computer in, and say what is to be put right:
cli-posture-limited = “{ $policy }” would let this computer reach some resources only:
cli-posture-refused = “{ $policy }” would not let this computer in:
cli-posture-bad-policy = The policy { $path } cannot be read: { $why }.
cli-label-requirement = Not met
