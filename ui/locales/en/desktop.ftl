### The window, the tray and the notifications of the desktop app.

## Everywhere

language-name = English
action-cancel = Cancel
action-close = Close
action-back = Back
action-continue = Continue
action-retry = Try again
action-copied = Copied
action-remove = Remove
skip-to-content = Skip to the content
optional = optional
loading = Loading …
note-copy-support-code = Copy the support code
managed = Managed by your organisation
managed-hint = Your administrator has set this; it cannot be changed here.
no-tray = This desktop shows no tray icons. Praya stays reachable: start it again to bring this window back.
safe-mode = Praya runs in safe mode because the last start showed no window. Drawing may be slower; everything works.
notice-no-tray = Closing the window put it into the list of windows, because this desktop shows no tray icons. You stayed signed in.
notice-settings-unreadable = Your settings could not be read; the defaults are in force.
notice-managed-unreadable = What your administrator has set could not be read; the safe choice is in force for all of it.

## Gateway: which one, and is it the right one

gateway-title = Choose a gateway
gateway-intro = A gateway is the door to your organisation's network.
gateway-none = No gateway is stored yet. Add the one that your organisation has told you.
gateway-list = Stored gateways
gateway-shared = Set up for everybody on this computer
gateway-add = Add a gateway
gateway-by-address = By address
gateway-by-link = By link
gateway-by-file = By file
gateway-address = Address
    .hint = As your organisation has told you, for example vpn.example.org
    .error = That is no address of a gateway. Write it like vpn.example.org or https://vpn.example.org.
gateway-name = Name
    .hint = How it is to be called in the list
    .error = A name has 1 to 64 characters, without slashes.
gateway-pin = Key of the gateway
    .hint = Only for a private gateway; it begins with pin-sha256:
    .error = That is no key. It begins with pin-sha256: and ends with an equals sign.
gateway-pinned = Only with the key that is stored
gateway-link = Invitation link
    .hint = It begins with praya:// and comes from your administrator
gateway-file = Profile file
    .hint = A file whose name ends in .praya, from your administrator
gateway-choose-file = Choose a file …
gateway-drop-file = or drop it here
gateway-invitation-title = Add this gateway?
gateway-invitation-text = The invitation is for the gateway below. Add it only if it came from your own organisation.
gateway-invitation-refused = Invitation
gateway-store = Add
gateway-remove = Remove { $name }
gateway-remove-title = Remove { $name }?
gateway-remove-text = The gateway is taken from the list. Nothing is changed at the gateway itself.
gateway-stored = { $name } is stored.
gateway-removed = { $name } is removed.
gateway-confirm-title = Is this your organisation's gateway?
gateway-confirm-text = { $gateway } is a private gateway. Only its key can say whether it is the right one. Enter the key that your organisation has published.
gateway-confirm-expected = Key as published
    .hint = It begins with pin-sha256: and comes on paper, from a website or from the help desk
gateway-confirm-shown = Key that the gateway shows
gateway-confirm-check = Compare
gateway-confirm-same = The keys are the same. This is the gateway.
gateway-confirm-differs = These are not the same.
gateway-confirm-differs-text = If you were given the key of a certificate authority, that can be right: Praya checks it at the sign-in and refuses any other gateway. Else stop here, and read the key below to the help desk.
gateway-confirm-use = Check it at the sign-in
gateway-key-wrong-title = This gateway cannot be trusted now
gateway-key-wrong-own = Read the key above to the help desk. Only if they confirm that it is new: remove this gateway from the list, and add it again with the key that they give you.
gateway-key-wrong-shared = This gateway was set up for everybody on this computer, and only the administrator can store a key for it. Read the key above to the help desk.
gateway-key-wrong-again = Back to the sign-in

## Sign in

sign-in-to = Sign in to { $name }
sign-in-other-gateway = Another gateway
sign-in-account = Account
    .error = Type your account.
sign-in-password = Password
    .error = Type your password.
sign-in-show-password = Show the password
sign-in-hide-password = Hide the password
sign-in-caps-lock = Caps Lock is on.
sign-in-remember = Remember the account on this computer
sign-in-submit = Sign in
sign-in-checking = The gateway is checking …
sign-in-cancel = Cancel the sign-in
sign-in-expires = This step ends in { DURATION($seconds_left) }.

## Token code

code-title = Enter the code
code-prompt = The gateway says
code-text = Press the button on your token, or open the app on your phone, and type the number it shows.
code-token = Token { $serial }
code-label = Code
    .hint = { $digits } digits
    .error = The code has { $digits } digits.
    .paste = What you pasted holds no single code of { $digits } digits. Type the code.
code-left = { $seconds_left ->
        [one] { $seconds_left } second left of this code
       *[other] { $seconds_left } seconds left of this code
    }
code-left-wait = { $seconds_left ->
        [one] { $seconds_left } second left of this code. Better wait.
       *[other] { $seconds_left } seconds left of this code. Better wait.
    }
code-wait = The code is about to change. Better wait for the next one.
code-submit = Submit
code-trouble = The code is not accepted?
code-trouble-text = Each code works once. Wait for the next one. If a phone shows it, check the phone's clock. If it still fails, contact the help desk and name the token's serial.

## New password

new-password-title = Choose a new password
new-password-due = The password that you were given must be replaced before anything opens.
new-password-change-title = Change the password
new-password-current = Present password
    .error = Type the password that you signed in with.
new-password-new = New password
    .error = Type a new password.
new-password-repeat = New password again
    .error = The two entries differ.
new-password-rules = Rules for the new password:
new-password-rule-met = fulfilled
new-password-rule-unmet = not fulfilled yet
new-password-rule-at-gateway = the gateway checks it
new-password-submit = Modify
new-password-done = The password is changed.

## What a foreign gateway asks

form-title = The gateway asks
form-submit = Submit

## Checking this computer

checking-title = Checking this computer
checking-text = The gateway wants to know whether this computer meets your organisation's rules.
checking-reads = Praya reads this, and nothing else:
checking-running = Reading …
checking-failed-title = This computer does not meet the rules
checking-failed-text = { $failed ->
        [one] One requirement is not met. Put it right, then check again.
       *[other] { $failed } requirements are not met. Put them right, then check again.
    }
checking-warnings-text = { $warnings ->
        [one] One thing is to be put right. It does not stop you from signing in.
       *[other] { $warnings } things are to be put right. They do not stop you from signing in.
    }
checking-open-link = Open your organisation's help
checking-again = Check again
checking-retry = You can check again without a new code for another { DURATION($seconds_left) }.
checking-over = The time to check again without a new code is over.
checking-over-text = Put right what is listed, then sign in again with a new code.
checking-sign-in-again = Sign in again

## The endpoint check of a session

posture-title = This computer does not meet the rules
posture-warnings-title = Something on this computer is to be put right
posture-ended-title = What this computer did not meet
posture-limited = Until this is put right, you reach some resources only.
posture-ends = Unless this is put right, the session ends in { DURATION($seconds_left) }.
posture-checked-again = Praya checks again by itself.

## Signed in elsewhere

elsewhere-title = You are already signed in elsewhere
elsewhere-text = This account is signed in on another computer. If that is not you, contact the help desk at once.
elsewhere-since = since { INSTANT($since) }
elsewhere-from = from { $source }
elsewhere-replace = End it and go on here
elsewhere-keep = Leave it and stop here
elsewhere-refused = Your organisation allows one sign-in at a time. Log out there first.

## Connecting, reconnecting, restoring

connecting-title = Connecting
connecting-text = You are signed in. The tunnel is coming up.
connecting-restoring-title = Restoring your session
connecting-restoring-text = You are still signed in. The tunnel is being brought back.
connecting-reconnecting-text = The tunnel was lost. You are still signed in.
connecting-attempt = Attempt { $attempt }
connecting-trying = Trying now …
connecting-next = Next attempt in { DURATION($seconds_left) }
connecting-gives-up = The gateway keeps your session for another { DURATION($seconds_left) }.
connecting-now = Try now
connecting-takes-long = This takes longer than usual.

## Resources

resources-title = Resources
resources-groups = Groups
resources-all = All
resources-favourites = Favourites
resources-recent = Recently used
resources-search = Search resources
resources-clear-search = Clear the search
resources-count = { $count ->
        [one] { $count } resource
       *[other] { $count } resources
    }
resources-none-title = Nothing is published to you yet
resources-none-text = Ask your organisation to publish resources to your group.
resources-no-match = Nothing fits “{ $search }”.
resources-no-favourites = No favourites yet. Choose the star beside a resource.
resources-no-recent = Nothing was opened yet.
resources-unavailable = This gateway has no list of resources. The tunnel is up; use addresses as in the office.
resources-refresh = Refresh the list
resources-opening = { $name } is being opened.
resources-copy = Copy the address
resources-copied = The address is copied.
resources-favourite-add = Make { $name } a favourite
resources-favourite-remove = { $name } is no favourite any more
resources-no-program = No program on this computer opens this kind of resource. Copy the address and use it in a program of your own.
resources-not-reachable = Only reachable while the tunnel is up

## Header: the connection

header-connection = Connection
header-details = Details of the connection
header-graph = Traffic of the last { DURATION($seconds) }
header-graph-text = Received { BYTES($received) } a second, sent { BYTES($sent) } a second
header-per-second = { BYTES($n) }/s
header-disconnect = Disconnect
header-connect = Connect
header-menu = Menu
header-change-password = Change password
header-sessions = My sessions
header-settings = Settings
header-log-out = Log out
header-exit = Exit
header-device = Tunnel device
header-networks = Networks through the tunnel
header-networks-all = everything
header-name-servers = Name servers inside
header-gateway = Gateway
header-warnings = Not as it should be

## My sessions, logging out

sessions-title = My sessions
sessions-text = Where this account is signed in. If one of them is not yours, contact the help desk at once.
sessions-this = this computer
sessions-none = No session is known.
sessions-end = End this session
sessions-end-title = End the session on { $host_name }?
sessions-ended = The session on { $host_name } is ended.
logout-title = Log out?
logout-text = The session and the tunnel end. To come back you need your password and a new code.
logout-confirm = Log out
exit-title = Exit Praya?
exit-text = Exit ends the session and the tunnel. To keep them, close the window only: the tray icon brings it back.
exit-text-no-tray = Exit ends the session and the tunnel. To keep them, close the window only: it stays in the list of windows.
exit-close-only = Close the window only
exit-minimise-only = Minimise the window only
exit-confirm = Exit and log out
exit-failed-title = The session could not be ended
exit-failed-text = You may still be signed in, and the tunnel may still be up. Praya stays so that you can see to it.
exit-failed-anyway = Exit anyway, the session stays

## Settings

settings-title = Settings
settings-language = Language
settings-language-system = As the system: { $language }
settings-theme = Appearance
settings-theme-system = As the system
settings-theme-light = Light
settings-theme-dark = Dark
settings-start = At start
settings-start-at-login = Start Praya when I sign in to this computer
settings-start-minimised = When started at login, show only the tray icon
settings-connect-at-start = Connect at start
    .hint = Brings a tunnel up that you disconnected, or begins the sign-in of the account used last; while no window is shown, a notification says that it waits
settings-sign-in = Signing in
settings-opening = How resources open
settings-open-web = Web pages
settings-open-rdp = Remote desktops
settings-open-ssh = Terminals
settings-open-files = File shares
settings-open-system = With the system's program
settings-open-with = With { $program }
settings-open-copy = Copy the address only
settings-open-own = With another program
settings-program = The program, then one argument on each line
    .hint = { $url }, { $host } and { $port } stand for those of the resource. No shell reads it: spaces and quotes stay in their argument.
settings-program-keep = Use this program
settings-program-no-name = Write the program's name or its whole path on the first line.
settings-program-too-much = Too long: at most 32 lines of at most 1024 bytes.
settings-program-unknown-placeholder = In braces, only { $url }, { $host } and { $port } have a meaning.
settings-program-no-address = No argument says what to open: add { $url } or { $host }.
settings-program-not-there = There is no such program here, or you may not run it.
settings-notifications = Notifications
settings-notify-ends = When a session ends or is about to end
settings-notify-connection = When the tunnel goes down or comes back
settings-saved = Saved
settings-drawing = Drawing
settings-drawing-safe = Praya draws without the graphics card, because a start with it showed no window. It tries again by itself when Praya, the web view or the driver has changed.
settings-drawing-plainly = Use the graphics card again
settings-drawing-next = From the next start on, Praya draws with the graphics card.
settings-diagnostics = Diagnostics
settings-about = About Praya

## Idle and expiry

idle-title = Are you still there?
idle-text = Nothing has gone through the tunnel for a while. You are logged out in { DURATION($seconds_left) }.
idle-announce = You are logged out in { DURATION($seconds_left) } unless you go on.
idle-stay = Stay signed in
idle-stay-hint = Any key does the same.
idle-log-out = Log out now
idle-stayed = You stay signed in.
expiry-title = The session ends soon
expiry-text = The longest time allowed is over in { DURATION($seconds_left) }. Save your work; then sign in again.
expiry-dismiss = Understood

## Ended, and what else can be in the way

ended-title = You are signed out
ended-gateway-says = The gateway says: { $text }
service-gone-title = The Praya service does not answer
service-gone-text = The service holds the tunnel; this window only shows it.
service-gone-remedy = It may be restarting. If it is not back in a few minutes, restart the computer, or contact the help desk.
service-gone-tunnel = If a tunnel was up, it may still be up.
in-use-title = Another person is signed in
in-use-text = Somebody else on this computer uses Praya at the moment. You can sign in when they have logged out.
in-use-state = Their connection: { $state }
in-use-way-out = If that person has left without logging out, an administrator of this computer can end the session with “sudo praya logout”.

## Tray

tray-show-resource = Show Resource
tray-exit = Exit (logs out)
tray-connect = Connect
tray-disconnect = Disconnect
tray-sign-in = Sign in …
tray-recent = Recently used
tray-favourites = Favourites
tray-account = { $account } at { $profile }
tray-idle = Logs out in { DURATION($seconds_left) }
tray-service-gone = The service does not answer
tray-in-use = Another person is signed in
tray-open-failed = The resource could not be opened
tray-connect-failed = The tunnel could not be brought up
tray-disconnect-failed = The tunnel could not be taken down
tray-copied = { $name }: the address is copied
tray-copied-text = Paste it into the program that opens it.
tray-tooltip = Praya: { $state }
tray-tooltip-profile = Praya: { $state }, { $profile }

## Notifications

notify-connected = Connected to { $profile }
notify-connected-text = Your resources are reachable.
notify-reconnecting = The tunnel was lost
notify-reconnecting-text = You are still signed in; Praya is reconnecting.
notify-reconnected = Connected again
notify-reconnected-text = The tunnel to { $profile } is back.
notify-idle = You are about to be logged out
notify-idle-text = Nothing has gone through the tunnel. In { DURATION($seconds_left) } you are logged out.
notify-ended = You are signed out
notify-service-gone = The Praya service does not answer
notify-service-gone-text = The tunnel may be down. Praya keeps trying.
notify-still-running = Praya goes on in the background
notify-still-running-text = You stay signed in. “Show Resource” in the tray brings the window back.
notify-still-running-no-tray = You stay signed in. The window is in the list of windows; starting Praya again brings it back too.
notify-sign-in-waits = The sign-in to { $profile } waits for you
notify-sign-in-waits-text = Open Praya and go on there.

## Diagnostics

diagnostics-title = Diagnostics
diagnostics-text = This is what the help desk needs to find a fault. Read it before you give it away: passwords, codes and keys are never in it, names and addresses are made unreadable.
diagnostics-collect = Collect
diagnostics-collecting = Collecting …
diagnostics-content = What is collected
diagnostics-save = Save as a file …
diagnostics-saved = Saved as { $path }
diagnostics-copy = Copy everything

## About

about-title = About Praya
about-text = Secure remote access to your organisation's resources.
about-version = Version { $version }
about-licence = Praya is free software under the MIT licence or the Apache License 2.0.
about-licences = Licences of the components used
about-licences-text = Praya contains the work of others. Each component opens to its notices and licences, in the words of their authors.
about-components = Components
about-help = Help desk
about-shortcuts = Keyboard
about-shortcut-search = Search the resources
about-shortcut-settings = Open the settings
about-shortcut-close = Close the window; the session stays
