### What every view says: failures, ends, states, rules, warnings, kinds, and how times and numbers read.
###
### Conventions, the same for the Rust and the TypeScript side:
### - A failure `wrong_otp` is `failure-wrong-otp`; `.remedy` says what to do next. Its arguments are its own fields.
###   `$broken` and `$sessions` are ready text: the `rule-…` texts joined by `list-separator`, and one
###   `elsewhere-session` a line. A failure `session_ended` reads as its `end-…` message.
###   Of `failure-password-rules`, the rule `matches` is not joined: `rule-matches.broken` stands before the rest.
### - An end `idle` is `end-idle`, a state `no_session` is `state-no-session`, a password rule `min_length` is
###   `rule-min-length`, a resource's kind `file_share` is `kind-file-share`, a warning `dns` is `warning-dns`.
### - Functions: DURATION($seconds) in words, BYTES($n) with two decimals,
###   INSTANT($unix_seconds) as `date-time` in the reader's time zone.

## Failures: signing in

failure-wrong-credentials = Wrong name or password.
    .remedy = Check both and try again. Attempts are limited; after a few failures the account is locked for a while.
failure-locked = Sign-in is locked for this account. It opens by itself in { DURATION($seconds_left) }.
    .remedy = Until then even the right password is refused. If it was not you who tried, contact the help desk.
failure-too-many-attempts = Too many attempts from this address. Try again in { DURATION($retry_after_seconds) }.
    .remedy = Nothing needs to be done but to wait.
failure-wrong-otp = That code is not right.
    .remedy = Wait for the next code and type that one. Each code works once.
failure-replayed-otp = That code was used already. The token shows the next one in { DURATION($next_in_seconds) }.
    .remedy = Wait for the next code and type that one.
failure-otp-clock-off = The clock of token { $serial } is off.
    .remedy = Check the clock of a phone token; a hardware token must be resynchronised by the help desk.
failure-token-inactive = Token { $serial } was not used for { $days } days and is closed.
    .remedy = Only an administrator can reactivate it: contact the help desk.
failure-token-disabled = Token { $serial } is disabled.
    .remedy = Only an administrator can change that: contact the help desk.
failure-no-token = No token is assigned to this account, and one is required.
    .remedy = Only an administrator can change that: contact the help desk.
failure-account-disabled = This account is disabled.
    .remedy = Only an administrator can change that: contact the help desk.
failure-initial-password-expired = The initial password is right but was given out too long ago.
    .remedy = Only an administrator can set a new one: contact the help desk.
failure-password-rules = The new password breaks a rule: { $broken }.
    .remedy = Choose another one.
failure-sign-in-expired = This sign-in is no longer open.
    .remedy = Start again.
failure-unexpected-answer = The gateway was waiting for something else.
    .remedy = Start again.
failure-signed-in-elsewhere =
    This account is already signed in:
    { $sessions }
    .remedy = Log out there first, or contact the help desk if that is not you.
failure-cancelled = Cancelled.
failure-posture-unsupported = The gateway wants to check this computer, which this version of Praya cannot do.
    .remedy = Ask the help desk for a newer version.
failure-posture-failed = This computer does not meet the rules and was not put right in time.
    .remedy = Put right what was missing, then sign in again.
failure-bad-posture-report = The gateway did not accept what this computer reported about itself.
    .remedy = Check again. If it happens every time, tell the help desk.
failure-gateway-says = The gateway refused and says: { $text }
failure-busy = The gateway is busy. Try again in { DURATION($retry_after_seconds) }.
    .remedy = Nothing was judged; your attempt does not count.

## Failures: the session

failure-not-signed-in = Not signed in.
    .remedy = Sign in first.
failure-wrong-current-password = The present password is not right.
    .remedy = Type the password that you signed in with.

## Failures: reaching the gateway

failure-name-not-found = The name { $host } cannot be resolved.
    .remedy = Check the address and this computer's network connection.
failure-unreachable = The gateway { $gateway } does not answer ({ $cause ->
        [refused] the connection was refused
        [timeout] no answer in time
        [no_route] no way to get there from this network
        [reset] the connection was cut
       *[other] { $cause }
    }).
    .remedy = Check this computer's network connection and try again.
failure-unknown-gateway =
    The gateway { $gateway } is not publicly known. It shows this key:
      { $pin }
    .remedy = Compare it with the key that your organisation has published, not with anything you got on the way here.
failure-pin-mismatch =
    The gateway { $gateway } does not show the key it should. It shows:
      { $pin }
    .remedy = Somebody may be listening, or the gateway got a new key. Nothing was sent to it. Ask your organisation.
failure-tls = No secure connection to the gateway: { $detail }.
    .remedy = Check this computer's clock and the address. If it stays, contact the help desk.
failure-protocol = The gateway answers something this program does not understand: { $detail }.
    .remedy = Check the address. If it is right, contact the help desk.

## Failures: this computer

failure-service-unavailable = The Praya service on this computer is not running or does not answer.
    .remedy = Restart the computer. If it stays, contact the help desk.
failure-not-permitted = You may not do this.
    .remedy = Ask the administrator of this computer.
failure-in-use-by-another = Another person on this machine is signed in.
    .remedy = Ask them to log out.
failure-already-signed-in = You are still signed in.
    .remedy = There is no need to sign in again.
failure-version-mismatch = Praya { $view } and its service { $service } do not belong together.
    .remedy = Update both, then restart the computer.
failure-tunnel-up = The tunnel is up, and its network settings are in use.
    .remedy = Disconnect first.
failure-no-tun-device = The tunnel device cannot be made: { $detail }.
    .remedy = Ask the administrator of this computer.
failure-network-setup = The network cannot be set up: { $detail }.
    .remedy = Try again. If it stays, contact the help desk.
failure-no-such-resource = There is no resource named “{ $name }”.
    .remedy = Refresh the list; it may have been withdrawn.
failure-bad-resource = The address of “{ $name }” is not one that can be opened.
    .remedy = It was published wrongly. Tell the help desk.
failure-bad-profile = The gateway cannot be stored: { $problem ->
        [name] a name has 1 to 64 characters that can be seen, without slashes
        [address] that is no address of a gateway
        [scheme] a gateway is reached by https only
        [pin] that is no key of a gateway
       *[other] something in it is not as it should be
    }.
    .remedy = Check it, or ask for a new one.
failure-bad-invitation = The invitation was not taken: { $problem ->
        [too_long] it is too long
        [not_an_invitation] it is neither a praya:// link nor a profile file
        [unknown_action] it is to do something else than to add a gateway
        [unknown_key] it holds something that has no meaning here
        [twice] it says the same thing twice
        [no_gateway] it names no gateway
        [escape] the link is damaged
        [name] the name in it cannot be used
        [address] the address in it is no gateway's
        [scheme] a gateway is reached by https only
        [pin] the key in it is no key of a gateway
        [another_waits] another one waits for your answer
        [not_shown] it is not the one that you were shown
       *[other] something in it is not as it should be
    }.
    .remedy = { $problem ->
        [another_waits] Answer that one first, then open the other again.
        [not_shown] Open the invitation again, and read it anew.
       *[other] Ask whoever sent it for a new one.
    }
failure-profile-taken = There is a gateway “{ $name }” already, at { $gateway }. It was not changed.
    .remedy = Choose a name that cannot be mistaken for it. Only if your organisation has told you that the gateway has changed, remove the old one first; one that was set up for everybody is changed by the administrator.
failure-no-such-profile = There is no gateway named “{ $name }”.
    .remedy = See which ones are stored.
failure-too-many-profiles = No more than { $most } gateways are stored.
    .remedy = Remove one that you no longer need.
failure-settings-not-opened = The system's settings could not be opened.
    .remedy = Open them yourself. If you do not find the place, contact the help desk.
failure-internal = Something went wrong in Praya: { $detail }.
    .remedy = Try again. If it stays, contact the help desk.

## How a session ended

end-user-logout = You logged out.
end-tray-exit = You chose Exit.
end-idle = The session ended because it was not used for too long.
    .remedy = Sign in again.
end-absolute = The session reached its longest allowed time.
    .remedy = Sign in again.
end-admin = An administrator ended the session.
    .remedy = Contact the help desk if you do not know why.
end-duplicate = The session ended because this account signed in elsewhere.
    .remedy = If that was not you, contact the help desk at once. Else sign in again.
end-posture-lost = The session ended because this computer no longer meets the rules.
    .remedy = Put right what is missing, then sign in again.
end-password-changed = The session ended because the password was changed.
    .remedy = Sign in with the new password. If you did not change it, contact the help desk at once.
end-account-disabled = The session ended because the account was disabled.
    .remedy = Contact the help desk if you do not know why.
end-token-disabled = The session ended because the token was disabled.
    .remedy = Contact the help desk if you do not know why.
end-gateway-restart = The session ended because the gateway went down.
    .remedy = Sign in again in a few minutes.
end-away = The session ended because this computer was away for too long.
    .remedy = Sign in again.
end-other = The gateway ended the session.
    .remedy = Sign in again.
ended-by-administrator-session = An administrator of this computer ended the session.
ended-by-administrator-sign-in = An administrator of this computer ended the sign-in.
gateway-not-told = The gateway did not answer. It ends the session by itself when its time is up.
gateway-not-told-until = The gateway did not answer. It ends the session by itself, in { DURATION($seconds_left) } at the latest.

## States

state-no-session = Not signed in
state-restoring = Restoring the session
state-signing-in = Signing in
state-connected = Connected
state-reconnecting = Reconnecting
state-idle-warning = Connected, idle logout is near
state-ended = Ended
state-paused = Disconnected, the session is kept

## Labels of the connection, and whom to ask

label-state = State
label-vpn-name = VPN name
label-ip-address = IP address
label-user = User
label-duration = Duration
label-received = Received
label-sent = Sent
label-channel = Carried by
label-protection = Encryption
label-round-trip = Round trip
label-idle = Idle logout
label-expiry = Session ends
label-last-sign-in = Last sign-in
label-banner = Message
label-help-desk = Help
label-gateway-says = Gateway says
help-desk = Help: { $help_desk }
support-code = Support code: { $support }
last-sign-in = { INSTANT($at) } from { $source }
elsewhere-session = { $host_name } ({ $source }), since { INSTANT($since) }

## How packets travel to the gateway, and why so

channel-tls = TLS
channel-udp = UDP
channel-line = { $channel } – { $reason }
channel-reason-preferred = it answers, and a lost packet holds up no other
channel-reason-switched-off = UDP is switched off on this computer
channel-reason-not-offered = the gateway offers no UDP
channel-reason-opening = UDP is being tried
channel-reason-unanswered = UDP gets no answer; this network may block it
channel-reason-silent = UDP has stopped answering; it is being tried again
channel-reason-unavailable = this computer cannot send by UDP
round-trip = { $ms } ms
round-trip-short = under 1 ms

## Rules of a new password

rule-min-length = at least { $min_length } characters
    .unknown = long enough
rule-max-length = at most { $max_length } characters
    .unknown = not too long
rule-upper = an upper-case letter
rule-lower = a lower-case letter
rule-digit = a digit
rule-only-letters-and-digits = nothing but letters A-Z, a-z and digits
rule-not-the-account = without the account name
rule-not-common = not a common password
rule-not-the-old = not the old password
rule-matches = both entries are the same
    .broken = The two entries differ.

## Resources

kind-web = web
kind-rdp = remote desktop
kind-ssh = terminal
kind-file-share = files
kind-other = other

## What is not as it should be although the tunnel is up

warning-route-conflict = The network { $tunnel } of the tunnel overlaps { $local } on { $device }: what is there may be unreachable.
warning-dns = Internal names may not resolve: { $detail }.
warning-not-resumable = The session will not survive a restart of the service: { $detail }.

## The endpoint check: what is required of a computer, and what is there
##
## `check-…` is what is read, with what only this check has to say; `expected-…` and `found-…` are for all checks.

checking-outcome-failed = Not met
checking-outcome-warning = Warning only
checking-required = Required
checking-found = Found
checking-remedy = What to do
checking-unread-remedy = Check again. If it stays like this, contact the help desk.
checking-more = { $more ->
        [one] One more is not listed here.
       *[other] { $more } more are not listed here.
    }
open-settings = Open settings
name-separator = { ", " }
check-operating-system = Operating system
    .reads = The operating system and its version
    .open-settings = Open update settings
    .remedy = Upgrade this computer to a system that is admitted, or use another computer. The help desk can assist.
check-antivirus = Antivirus program
    .reads = Which antivirus program protects it
    .open-settings = Open the security centre
    .expected-on = An antivirus program that is running
    .remedy = Install an antivirus program that is admitted, and let it run.
    .remedy-off = Switch the program's protection on.
    .remedy-snoozed = End the pause in the program.
    .remedy-expired = Renew the program's licence, or install another one that is admitted.
check-antivirus-definitions = Virus definitions
    .reads = How current its virus definitions are
    .open-settings = Open the security centre
    .expected-on = Up to date
    .found-off = Out of date
    .remedy = Open the antivirus program and let it update itself.
check-firewall = Firewall
    .reads = Whether the firewall is on
    .open-settings = Open firewall settings
    .remedy = Switch the firewall on.
check-disk-encryption = Disk encryption
    .reads = Whether the system's disk is encrypted
    .open-settings = Open encryption settings
    .expected-on = The system's disk is encrypted
    .found-off = Not encrypted
    .remedy = Switch the encryption of the system's disk on, or ask the help desk to do it.
check-updates = System updates
    .reads = When the system was updated last
    .open-settings = Open update settings
    .expected-within-days = { $days ->
        [one] Updated within the last day
       *[other] Updated within the last { $days } days
    }
    .found-days = { $days ->
        [one] Updated one day ago
       *[other] Updated { $days } days ago
    }
    .remedy = Open the system's update settings and install what is offered.
check-hotfixes = Updates of Windows
    .reads = Which updates of Windows are installed
    .open-settings = Open update settings
    .found-missing = Not installed
    .remedy = Open Windows Update and install what is offered, or ask the help desk for the updates that are missing.
check-screen-lock = Screen lock
    .reads = Whether the screen locks by itself
    .open-settings = Open screen lock settings
    .expected-within-minutes = { $minutes ->
        [one] Locks after one minute at most
       *[other] Locks after { $minutes } minutes at most
    }
    .found-minutes = { $minutes ->
        [one] Locks after one minute
       *[other] Locks after { $minutes } minutes
    }
    .remedy = Let the screen lock by itself, soon enough, in the system's settings.
check-secure-boot = Secure boot
    .reads = Whether the computer starts signed systems only
    .open-settings = Open device security
    .remedy = Switch secure boot on in the computer's firmware settings, or ask the help desk to do it.
check-system-integrity = System Integrity Protection
    .reads = Whether macOS protects its own files from changes
    .remedy = Start the Mac in recovery, open Terminal there and run “csrutil enable”, or ask the help desk to do it.
check-gatekeeper = Gatekeeper
    .reads = Whether macOS checks programs before it opens them
    .open-settings = Open security settings
    .remedy = In System Settings, under Privacy & Security, allow only programs of the App Store and of known developers.
expected-on = On
expected-one-of = One of: { $names }
expected-all-of = All of: { $names }
expected-none-of = None of: { $names }
expected-at-least = { $name } or newer
expected-supported = A version that its maker still maintains
expected-within-days = { $days ->
        [one] At most one day old
       *[other] At most { $days } days old
    }
expected-within-minutes = { $minutes ->
        [one] Within one minute
       *[other] Within { $minutes } minutes
    }
found-missing = None
found-other = { $name }
found-unsupported = { $name }, which its maker no longer maintains
found-off = Off
found-off-named = { $name } is there, but its protection is off
found-snoozed = { $name } is there, but its protection is paused
found-expired = { $name } is there, but its licence has run out
found-days = { $days ->
        [one] One day old
       *[other] { $days } days old
    }
found-minutes = { $minutes ->
        [one] One minute
       *[other] { $minutes } minutes
    }
found-unavailable-not-asked = Could not be read, because nobody asked for it
found-unavailable-not-applicable = Could not be read, because this kind of computer does not have it
found-unavailable-not-detected = Could not be read, because nothing of the kind is there
found-unavailable-permission-denied = Could not be read, because the system does not allow it
found-unavailable-timed-out = Could not be read, because the system did not answer in time
found-unavailable-malformed = Could not be read, because the system's answer makes no sense
found-unavailable-unsupported = Could not be read, because Praya cannot do it on this system

## What was told of this computer

reported-title = What was sent
reported-at = Praya read this on { INSTANT($at) } and sent it to the gateway:
reported-source = read from { $source }
reported-name = Name
reported-version = Version
reported-build = Build
reported-edition = Edition
reported-server = Server system
reported-architecture = Architecture
reported-support-ends = Maintained by its maker until
reported-paid-support-ends = Long-term or paid maintenance until
reported-engine-version = Version of the engine
reported-installed = Installed
reported-running = Running
reported-real-time = Scans files in use
reported-definitions-version = Virus definitions
reported-definitions-at = Virus definitions made
reported-definitions-current = Calls its virus definitions current
reported-locks-after = After
reported-yes = Yes
reported-no = No
reported-instant = { INSTANT($at) }
reported-seconds = { DURATION($seconds) }
reported-snoozed = Paused
reported-expired = Licence has run out

## The token

token-hint = Token { $serial }, { $digits } digits, a new code every { $step_seconds } seconds.
token-left = { $seconds_left } s left of this code
token-left-wait = { $seconds_left } s left of this code, better wait for the next code

## Times and numbers
##
## DURATION picks its two largest units: seconds below a minute, minutes and seconds below an hour, hours and minutes
## below two days, days and hours above. A second part of 0 is left out.
## `date-time` gets text only: `$year`, `$month`, `$day` and their two-digit forms `$month2`, `$day2`; `$hour2`
## (00-23) and `$hour12` (1-12); `$minute2`; `$month_name` (jan … dec), `$weekday` (mon … sun), `$period` (night until
## five o'clock, am until noon, pm).

duration-seconds = { $n ->
        [one] { $n } second
       *[other] { $n } seconds
    }
duration-minutes = { $n ->
        [one] { $n } minute
       *[other] { $n } minutes
    }
duration-hours = { $n ->
        [one] { $n } hour
       *[other] { $n } hours
    }
duration-days = { $n ->
        [one] { $n } day
       *[other] { $n } days
    }
duration-two = { $large } { $small }
decimal-separator = .
list-separator = { "; " }
date-time = { $day } { $month_name ->
        [jan] Jan
        [feb] Feb
        [mar] Mar
        [apr] Apr
        [may] May
        [jun] Jun
        [jul] Jul
        [aug] Aug
        [sep] Sep
        [oct] Oct
        [nov] Nov
       *[dec] Dec
    } { $year }, { $hour2 }:{ $minute2 }
date-time-unknown = unknown time
