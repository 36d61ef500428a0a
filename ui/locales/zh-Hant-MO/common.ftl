### 所有畫面共用的文字；各項約定見 en/common.ftl。

## 失敗：登入

failure-wrong-credentials = 帳戶或密碼不正確。
    .remedy = 請檢查帳戶和密碼後再試一次。可嘗試的次數有限，連續錯誤幾次後帳戶會暫時鎖定。
failure-locked = 此帳戶的登入已鎖定，{ DURATION($seconds_left) }後自動解除。
    .remedy = 在此之前，即使密碼正確也無法登入。如果不是您本人嘗試登入，請聯絡技術支援人員。
failure-too-many-attempts = 來自此地址的嘗試次數過多，請於 { DURATION($retry_after_seconds) }後再試。
    .remedy = 您不需要做任何處理，稍候即可。
failure-wrong-otp = 驗證碼不正確。
    .remedy = 請等下一組驗證碼出現後再輸入。每組驗證碼只能使用一次。
failure-replayed-otp = 這組驗證碼已經用過。令牌將於 { DURATION($next_in_seconds) }後顯示下一組。
    .remedy = 請等下一組驗證碼出現後再輸入。
failure-otp-clock-off = 令牌 { $serial } 的時間不準。
    .remedy = 若使用手機，請檢查手機的時間；若使用硬件令牌，須由技術支援人員重新同步。
failure-token-inactive = 令牌 { $serial } 已有 { $days } 天未使用，因此停用。
    .remedy = 只有管理員能重新啟用，請聯絡技術支援人員。
failure-token-disabled = 令牌 { $serial } 已停用。
    .remedy = 只有管理員能處理，請聯絡技術支援人員。
failure-no-token = 登入需要令牌，但此帳戶尚未分配令牌。
    .remedy = 只有管理員能處理，請聯絡技術支援人員。
failure-account-disabled = 此帳戶已停用。
    .remedy = 只有管理員能處理，請聯絡技術支援人員。
failure-initial-password-expired = 初始密碼正確，但發出至今已超過有效期限。
    .remedy = 只有管理員能重新設定，請聯絡技術支援人員。
failure-password-rules = 新密碼不符合下列規則：{ $broken }。
    .remedy = 請另選一組密碼。
failure-sign-in-expired = 這次登入已不再有效。
    .remedy = 請重新登入。
failure-unexpected-answer = 閘道正在等待另一個步驟的回答。
    .remedy = 請重新登入。
failure-signed-in-elsewhere =
    此帳戶已在別處登入：
    { $sessions }
    .remedy = 請先在該處登出；如果那不是您本人，請聯絡技術支援人員。
failure-cancelled = 已取消。
failure-posture-unsupported = 閘道要求檢查這台電腦，但此版本的 Praya 無法執行檢查。
    .remedy = 請向技術支援人員索取較新的版本。
failure-posture-failed = 這台電腦不符合規定，而且未在時限內改正。
    .remedy = 請先改正不符合的項目，再重新登入。
failure-bad-posture-report = 閘道不接受這台電腦回報的檢查結果。
    .remedy = 請重新檢查。如果每次都發生，請通知技術支援人員。
failure-gateway-says = 閘道拒絕登入，說明如下：{ $text }
failure-busy = 閘道忙碌中，請於 { DURATION($retry_after_seconds) }後再試。
    .remedy = 這次嘗試尚未受理，不會計入錯誤次數。

## 失敗：登入期間

failure-not-signed-in = 尚未登入。
    .remedy = 請先登入。
failure-wrong-current-password = 目前的密碼不正確。
    .remedy = 請輸入這次登入時使用的密碼。

## 失敗：無法到達閘道

failure-name-not-found = 找不到名稱 { $host } 對應的地址。
    .remedy = 請檢查地址是否正確，以及這台電腦的網絡連接。
failure-unreachable = 閘道 { $gateway } 沒有回應（{ $cause ->
        [refused] 連接被拒
        [timeout] 等候超時
        [no_route] 從目前的網絡無法到達
        [reset] 連接中斷
       *[other] { $cause }
    }）。
    .remedy = 請檢查這台電腦的網絡連接後再試一次。
failure-unknown-gateway =
    閘道 { $gateway } 並非公開信任的閘道，它出示的密鑰是：
      { $pin }
    .remedy = 請與貴機構公布的密鑰比對，不要與連接途中取得的任何資料比對。
failure-pin-mismatch =
    閘道 { $gateway } 出示的密鑰與預期不符，它出示的是：
      { $pin }
    .remedy = 可能有人竊聽，也可能閘道換了新的密鑰。尚未傳送任何資料給它。請向貴機構查詢。
failure-tls = 無法與閘道建立安全連接：{ $detail }。
    .remedy = 請檢查這台電腦的時間與閘道地址。若仍無法解決，請聯絡技術支援人員。
failure-protocol = 閘道的回應無法辨識：{ $detail }。
    .remedy = 請檢查地址是否正確。若地址無誤，請聯絡技術支援人員。

## 失敗：這台電腦

failure-service-unavailable = 這台電腦上的 Praya 服務未執行或沒有回應。
    .remedy = 請重新啟動電腦。若仍無法解決，請聯絡技術支援人員。
failure-not-permitted = 您沒有執行此操作的權限。
    .remedy = 請聯絡這台電腦的管理員。
failure-in-use-by-another = 這台電腦上已有另一位用戶登入。
    .remedy = 請對方先登出。
failure-already-signed-in = 您仍處於登入狀態。
    .remedy = 不需要重新登入。
failure-version-mismatch = Praya { $view } 與其服務 { $service } 的版本不相容。
    .remedy = 請將兩者都更新後重新啟動電腦。
failure-tunnel-up = 通道已連通，其網絡設定正在使用中。
    .remedy = 請先中斷連接。
failure-no-tun-device = 無法建立通道裝置：{ $detail }。
    .remedy = 請聯絡這台電腦的管理員。
failure-network-setup = 無法設定網絡：{ $detail }。
    .remedy = 請再試一次。若仍無法解決，請聯絡技術支援人員。
failure-no-such-resource = 沒有名為「{ $name }」的資源。
    .remedy = 請更新清單，該資源可能已不再提供。
failure-bad-resource = 「{ $name }」的地址無法開啟。
    .remedy = 該資源的發布設定有誤，請告知技術支援人員。
failure-bad-profile = 無法儲存閘道：{ $problem ->
        [name] 名稱須為 1 到 64 個可見字元，且不含斜線
        [address] 這不是閘道地址
        [scheme] 閘道只能以 https 連接
        [pin] 這不是閘道的密鑰
       *[other] 內容有誤
    }。
    .remedy = 請檢查內容，或索取新的資料。
failure-bad-invitation = 未採用這份邀請：{ $problem ->
        [too_long] 內容過長
        [not_an_invitation] 既不是 praya:// 連結，也不是設定檔
        [unknown_action] 它要做的不是新增閘道
        [unknown_key] 含有無意義的項目
        [twice] 同一項目重複出現
        [no_gateway] 沒有指明閘道
        [escape] 連結已損壞
        [name] 其中的名稱無法使用
        [address] 其中的地址不是閘道地址
        [scheme] 閘道只能以 https 連接
        [pin] 其中的密鑰不正確
        [another_waits] 另一份邀請正在等候您的決定
        [not_shown] 它不是剛才顯示的那一份
       *[other] 內容有誤
    }。
    .remedy = { $problem ->
        [another_waits] 請先處理目前這一份，再重新開啟另一份。
        [not_shown] 請重新開啟邀請，並再次確認內容。
       *[other] 請向寄件人索取新的邀請。
    }
failure-profile-taken = 已有名為「{ $name }」的閘道，地址為 { $gateway }，未作任何更改。
    .remedy = 請另取一個不會混淆的名稱。只有在貴機構告知閘道已更改時，才先移除舊的閘道；供所有用戶使用的閘道，須由管理員更改。
failure-no-such-profile = 沒有名為「{ $name }」的閘道。
    .remedy = 請查看已儲存的閘道。
failure-too-many-profiles = 最多只能儲存 { $most } 個閘道。
    .remedy = 請移除不再需要的閘道。
failure-settings-not-opened = 無法開啟系統設定。
    .remedy = 請自行開啟。如找不到該設定，請聯絡技術支援人員。
failure-internal = Praya 發生問題：{ $detail }。
    .remedy = 請再試一次。若仍無法解決，請聯絡技術支援人員。

## 登入如何結束

end-user-logout = 您已登出。
end-tray-exit = 您選擇了「結束 (Exit)」。
end-idle = 因閒置過久，已自動登出。
    .remedy = 請重新登入。
end-absolute = 已達單次登入的最長時間，因此登出。
    .remedy = 請重新登入。
end-admin = 管理員結束了這次登入。
    .remedy = 若不清楚原因，請聯絡技術支援人員。
end-duplicate = 此帳戶已在別處登入，因此這裡已登出。
    .remedy = 如果那不是您本人，請立即聯絡技術支援人員；否則請重新登入。
end-posture-lost = 這台電腦已不符合規定，因此登出。
    .remedy = 請先改正不符合的項目，再重新登入。
end-password-changed = 密碼已變更，因此登出。
    .remedy = 請以新密碼登入。如果不是您變更的，請立即聯絡技術支援人員。
end-account-disabled = 帳戶已停用，因此登出。
    .remedy = 若不清楚原因，請聯絡技術支援人員。
end-token-disabled = 令牌已停用，因此登出。
    .remedy = 若不清楚原因，請聯絡技術支援人員。
end-gateway-restart = 閘道停止服務，因此登出。
    .remedy = 請過幾分鐘再重新登入。
end-away = 這台電腦離線過久，因此登出。
    .remedy = 請重新登入。
end-other = 閘道結束了這次登入。
    .remedy = 請重新登入。
ended-by-administrator-session = 這台電腦的管理員結束了這次登入。
ended-by-administrator-sign-in = 這台電腦的管理員中止了登入程序。
gateway-not-told = 閘道沒有回應，時間到時會自行結束這次登入。
gateway-not-told-until = 閘道沒有回應，最遲於 { DURATION($seconds_left) }後會自行結束這次登入。

## 狀態

state-no-session = 尚未登入
state-restoring = 正在恢復登入狀態
state-signing-in = 正在登入
state-connected = 已連接
state-reconnecting = 重新連接中
state-idle-warning = 已連接，即將因閒置登出
state-ended = 已結束
state-paused = 已中斷連接，仍保持登入

## 連接資訊的欄位名稱與聯絡方式

label-state = 狀態
label-vpn-name = VPN 名稱
label-ip-address = IP 地址
label-user = 用戶名
label-duration = 連接時間
label-received = 接收字節數
label-sent = 發送字節數
label-channel = 傳輸方式
label-protection = 加密方式
label-round-trip = 往返時間
label-idle = 閒置登出
label-expiry = 登入到期
label-last-sign-in = 上次登入
label-banner = 訊息
label-help-desk = 技術支援
label-gateway-says = 閘道訊息
help-desk = 技術支援：{ $help_desk }
support-code = 支援代碼：{ $support }
last-sign-in = { INSTANT($at) }，來自 { $source }
elsewhere-session = { $host_name }（{ $source }），自 { INSTANT($since) } 起

## 數據包如何送往閘道，以及原因

channel-tls = TLS
channel-udp = UDP
channel-line = { $channel }：{ $reason }
channel-reason-preferred = 有回應，且丟失的數據包不會拖慢其他數據包
channel-reason-switched-off = 這台電腦已關閉 UDP
channel-reason-not-offered = 閘道未提供 UDP
channel-reason-opening = 正在嘗試 UDP
channel-reason-unanswered = UDP 沒有回應，此網絡可能阻擋了 UDP
channel-reason-silent = UDP 已停止回應，正在重試
channel-reason-unavailable = 這台電腦無法以 UDP 發送
round-trip = { $ms } 毫秒
round-trip-short = 不到 1 毫秒

## 新密碼的規則

rule-min-length = 至少 { $min_length } 個字元
    .unknown = 長度足夠
rule-max-length = 最多 { $max_length } 個字元
    .unknown = 不過長
rule-upper = 含有大寫英文字母
rule-lower = 含有小寫英文字母
rule-digit = 含有數字
rule-only-letters-and-digits = 只含英文字母 A-Z、a-z 與數字
rule-not-the-account = 不含帳戶名稱
rule-not-common = 不是常見的密碼
rule-not-the-old = 不是舊密碼
rule-matches = 兩次輸入的密碼相同
    .broken = 兩次輸入的密碼不同。

## 資源

kind-web = 網頁
kind-rdp = 遠端桌面
kind-ssh = 終端機
kind-file-share = 檔案
kind-other = 其他

## 通道雖已連通，但有異常

warning-route-conflict = 通道的網段 { $tunnel } 與 { $device } 上的 { $local } 重疊，其中的設備可能無法連接。
warning-dns = 內部名稱可能無法解析：{ $detail }。
warning-not-resumable = 服務重新啟動後將無法保持登入：{ $detail }。

## 電腦檢查：要求與檢查結果

checking-outcome-failed = 不符合
checking-outcome-warning = 僅提醒
checking-required = 要求
checking-found = 檢查結果
checking-remedy = 處理方式
checking-unread-remedy = 請重新檢查。若情況不變，請聯絡技術支援人員。
checking-more = 另有 { $more } 項未列出。
open-settings = 開啟設定
name-separator = 、
check-operating-system = 操作系統
    .reads = 操作系統與版本
    .open-settings = 開啟更新設定
    .remedy = 請將這台電腦升級為認可的系統，或改用其他電腦。技術支援人員可以協助。
check-antivirus = 防毒軟件
    .reads = 使用哪一種防毒軟件
    .open-settings = 開啟安全中心
    .expected-on = 執行中的防毒軟件
    .remedy = 請安裝認可的防毒軟件，並保持執行。
    .remedy-off = 請開啟該軟件的防護。
    .remedy-snoozed = 請在該軟件中結束暫停。
    .remedy-expired = 請更新該軟件的授權，或安裝其他認可的軟件。
check-antivirus-definitions = 病毒碼
    .reads = 病毒碼是否為最新
    .open-settings = 開啟安全中心
    .expected-on = 最新
    .found-off = 已過期
    .remedy = 請開啟防毒軟件並讓它更新。
check-firewall = 防火牆
    .reads = 防火牆是否開啟
    .open-settings = 開啟防火牆設定
    .remedy = 請開啟防火牆。
check-disk-encryption = 硬碟加密
    .reads = 系統硬碟是否加密
    .open-settings = 開啟加密設定
    .expected-on = 系統硬碟已加密
    .found-off = 未加密
    .remedy = 請開啟系統硬碟的加密，或請技術支援人員協助。
check-updates = 系統更新
    .reads = 系統上次更新的時間
    .open-settings = 開啟更新設定
    .expected-within-days = 最近 { $days } 天內更新過
    .found-days = { $days } 天前更新
    .remedy = 請開啟系統的更新設定，安裝可用的更新。
check-hotfixes = Windows 更新
    .reads = 已安裝哪些 Windows 更新
    .open-settings = 開啟更新設定
    .found-missing = 未安裝
    .remedy = 請開啟 Windows Update 並安裝可用的更新，或請技術支援人員提供欠缺的更新。
check-screen-lock = 屏幕鎖定
    .reads = 屏幕是否自動鎖定
    .open-settings = 開啟屏幕鎖定設定
    .expected-within-minutes = 最多 { $minutes } 分鐘後鎖定
    .found-minutes = { $minutes } 分鐘後鎖定
    .remedy = 請在系統設定中讓屏幕在規定時間內自動鎖定。
check-secure-boot = 安全啟動
    .reads = 電腦是否只啟動經簽署的系統
    .open-settings = 開啟裝置安全
    .remedy = 請在電腦的固件設定中開啟安全啟動，或請技術支援人員協助。
check-system-integrity = 系統完整保護
    .reads = macOS 是否保護自身檔案不被更改
    .remedy = 請以「復原」模式啟動 Mac，在「終端機」執行 csrutil enable，或請技術支援人員協助。
check-gatekeeper = Gatekeeper
    .reads = macOS 開啟程式前是否先作檢查
    .open-settings = 開啟安全設定
    .remedy = 請在「系統設定」的「私隱與保安」中，只允許來自 App Store 及已知開發者的程式。
expected-on = 開啟
expected-one-of = 下列之一：{ $names }
expected-all-of = 下列全部：{ $names }
expected-none-of = 不得為：{ $names }
expected-at-least = { $name } 或更新的版本
expected-supported = 開發商仍在維護的版本
expected-within-days = { $days } 天以內
expected-within-minutes = { $minutes } 分鐘內
found-missing = 無
found-other = { $name }
found-unsupported = { $name }，開發商已停止維護
found-off = 關閉
found-off-named = 已安裝 { $name }，但防護未開啟
found-snoozed = 已安裝 { $name }，但防護暫停中
found-expired = 已安裝 { $name }，但授權已到期
found-days = { $days } 天前
found-minutes = { $minutes } 分鐘
found-unavailable-not-asked = 無法讀取，因為未要求此項目
found-unavailable-not-applicable = 無法讀取，因為這類電腦沒有此項目
found-unavailable-not-detected = 無法讀取，因為找不到相關項目
found-unavailable-permission-denied = 無法讀取，因為系統不允許
found-unavailable-timed-out = 無法讀取，因為系統未及時回應
found-unavailable-malformed = 無法讀取，因為系統的回應無法理解
found-unavailable-unsupported = 無法讀取，因為 Praya 在此系統上做不到

## 關於這台電腦所傳送的內容

reported-title = 已傳送的內容
reported-at = Praya 於 { INSTANT($at) } 讀取下列內容並傳送給閘道：
reported-source = 讀取自 { $source }
reported-name = 名稱
reported-version = 版本
reported-build = 內部版本
reported-edition = 版次
reported-server = 伺服器系統
reported-architecture = 架構
reported-support-ends = 開發商維護至
reported-paid-support-ends = 開發商長期或付費維護至
reported-engine-version = 引擎版本
reported-installed = 已安裝
reported-running = 執行中
reported-real-time = 掃描使用中的檔案
reported-definitions-version = 病毒碼
reported-definitions-at = 病毒碼製作時間
reported-definitions-current = 自稱病毒碼為最新
reported-locks-after = 閒置多久
reported-yes = 是
reported-no = 否
reported-instant = { INSTANT($at) }
reported-seconds = { DURATION($seconds) }
reported-snoozed = 已暫停
reported-expired = 授權已到期

## 令牌

token-hint = 令牌 { $serial }，{ $digits } 位數字，每 { $step_seconds } 秒更新一次。
token-left = 這組驗證碼剩下 { $seconds_left } 秒
token-left-wait = 這組驗證碼剩下 { $seconds_left } 秒，建議等下一組

## 時間與數字

duration-seconds = { $n } 秒
duration-minutes = { $n } 分鐘
duration-hours = { $n } 小時
duration-days = { $n } 天
duration-two = { $large } { $small }
decimal-separator = .
list-separator = ；
date-time = { $year }年{ $month }月{ $day }日 { $period ->
        [night] 凌晨
        [am] 上午
       *[pm] 下午
    }{ $hour12 }:{ $minute2 }
date-time-unknown = 時間不明
