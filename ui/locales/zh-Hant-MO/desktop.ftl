### 桌面程式的視窗、系統匣與通知。

## 各處共用

language-name = 繁體中文（澳門）
action-cancel = 取消
action-close = 關閉
action-back = 返回
action-continue = 繼續
action-retry = 再試一次
action-copied = 已複製
action-remove = 移除
skip-to-content = 跳到主要內容
optional = 選填
loading = 載入中…
note-copy-support-code = 複製支援代碼
managed = 由貴機構管理
managed-hint = 此項由管理員設定，無法在這裡變更。
no-tray = 此桌面環境不顯示系統匣圖示。Praya 仍可使用：再次啟動程式即可重新開啟此視窗。
safe-mode = 上次啟動時視窗未能顯示，因此 Praya 目前以安全模式執行。畫面可能較慢，功能不受影響。
notice-no-tray = 此桌面環境不顯示系統匣圖示，因此關閉視窗後，視窗留在視窗清單中，您仍保持登入。
notice-settings-unreadable = 無法讀取您的設定，目前使用預設值。
notice-managed-unreadable = 無法讀取管理員的設定，相關項目一律採用安全的選項。

## 閘道：選擇與確認

gateway-title = 選擇閘道
gateway-intro = 閘道是進入貴機構網絡的入口。
gateway-none = 尚未儲存任何閘道。請新增貴機構告知您的閘道。
gateway-list = 已儲存的閘道
gateway-shared = 供這台電腦的所有用戶使用
gateway-add = 新增閘道
gateway-by-address = 輸入地址
gateway-by-link = 使用邀請連結
gateway-by-file = 使用設定檔
gateway-address = 地址
    .hint = 由貴機構提供，例如 vpn.example.org
    .error = 這不是閘道地址。請輸入如 vpn.example.org 或 https://vpn.example.org 的格式。
gateway-name = 名稱
    .hint = 在清單中顯示的名稱
    .error = 名稱須為 1 到 64 個字元，且不含斜線。
gateway-pin = 閘道的密鑰
    .hint = 只有私有閘道需要；以 pin-sha256: 開頭
    .error = 這不是密鑰。密鑰以 pin-sha256: 開頭，以等號結尾。
gateway-pinned = 只接受已儲存的密鑰
gateway-link = 邀請連結
    .hint = 由管理員提供，以 praya:// 開頭
gateway-file = 設定檔
    .hint = 由管理員提供，檔名以 .praya 結尾
gateway-choose-file = 選擇檔案…
gateway-drop-file = 或將檔案拖放到這裡
gateway-invitation-title = 要新增這個閘道嗎？
gateway-invitation-text = 這份邀請對應下列閘道。只有確定它來自貴機構時，才加以新增。
gateway-invitation-refused = 邀請
gateway-store = 新增
gateway-remove = 移除 { $name }
gateway-remove-title = 要移除 { $name } 嗎？
gateway-remove-text = 該閘道會從清單中移除，閘道本身不受影響。
gateway-stored = 已儲存 { $name }。
gateway-removed = 已移除 { $name }。
gateway-confirm-title = 這是貴機構的閘道嗎？
gateway-confirm-text = { $gateway } 是私有閘道，只有它的密鑰能證明它的身份。請輸入貴機構公布的密鑰。
gateway-confirm-expected = 公布的密鑰
    .hint = 以 pin-sha256: 開頭，來自書面文件、機構網站或技術支援人員
gateway-confirm-shown = 閘道出示的密鑰
gateway-confirm-check = 比對
gateway-confirm-same = 兩者相同，這就是貴機構的閘道。
gateway-confirm-differs = 兩者不同。
gateway-confirm-differs-text = 若您拿到的是貴機構憑證機構的密鑰，這可能是正常的：Praya 會在登入時檢查，並拒絕其他閘道。否則請就此停止，並將下方的密鑰告知技術支援人員。
gateway-confirm-use = 於登入時檢查
gateway-key-wrong-title = 目前無法信任這個閘道
gateway-key-wrong-own = 請將上方的密鑰告知技術支援人員。只有在對方確認它是新的密鑰時，才從清單中移除這個閘道，再以對方提供的密鑰重新新增。
gateway-key-wrong-shared = 這個閘道供這台電腦的所有用戶使用，只有管理員能儲存它的密鑰。請將上方的密鑰告知技術支援人員。
gateway-key-wrong-again = 返回登入畫面

## 登入

sign-in-to = 登入 { $name }
sign-in-other-gateway = 選擇其他閘道
sign-in-account = 帳戶
    .error = 請輸入帳戶。
sign-in-password = 密碼
    .error = 請輸入密碼。
sign-in-show-password = 顯示密碼
sign-in-hide-password = 隱藏密碼
sign-in-caps-lock = 大寫鎖定 (Caps Lock) 已開啟。
sign-in-remember = 在這台電腦上記住帳戶
sign-in-submit = 登入
sign-in-checking = 閘道正在驗證…
sign-in-cancel = 取消登入
sign-in-expires = 此步驟將於 { DURATION($seconds_left) }後超時。

## 驗證碼

code-title = 輸入驗證碼
code-prompt = 閘道訊息
code-text = 請按下令牌上的按鈕，或開啟手機上的應用程式，輸入畫面顯示的數字。
code-token = 令牌 (Token) { $serial }
code-label = 驗證碼
    .hint = { $digits } 位數字
    .error = 驗證碼為 { $digits } 位數字。
    .paste = 貼上的內容沒有唯一的一組 { $digits } 位數字，請直接輸入驗證碼。
code-left = 這組驗證碼剩下 { $seconds_left } 秒
code-left-wait = 這組驗證碼剩下 { $seconds_left } 秒，建議等下一組
code-wait = 驗證碼即將更新，建議等下一組。
code-submit = 提交
code-trouble = 驗證碼無法通過？
code-trouble-text = 每組驗證碼只能使用一次，請等下一組。若使用手機，請檢查手機的時間。若仍無法通過，請聯絡技術支援人員並告知令牌序號。

## 新密碼

new-password-title = 設定新密碼
new-password-due = 使用任何資源之前，必須先更換獲發的初始密碼。
new-password-change-title = 變更密碼
new-password-current = 目前的密碼
    .error = 請輸入這次登入時使用的密碼。
new-password-new = 新密碼
    .error = 請輸入新密碼。
new-password-repeat = 再次輸入新密碼
    .error = 兩次輸入的密碼不同。
new-password-rules = 新密碼必須符合：
new-password-rule-met = 已符合
new-password-rule-unmet = 尚未符合
new-password-rule-at-gateway = 由閘道檢查
new-password-submit = 修改 (Modify)
new-password-done = 密碼已變更。

## 其他廠牌閘道的問題

form-title = 閘道要求輸入
form-submit = 提交

## 檢查這台電腦
## `check-…` 是讀取的項目與該項目專用的文字；`expected-…` 與 `found-…` 為各項目共用。

checking-title = 正在檢查這台電腦
checking-text = 閘道要確認這台電腦符合貴機構的規定。
checking-reads = Praya 只讀取下列項目：
checking-running = 讀取中…
checking-failed-title = 這台電腦不符合規定
checking-failed-text = 有 { $failed } 項不符合要求。請改善後重新檢查。
checking-warnings-text = 有 { $warnings } 項需要改善，但不影響登入。
checking-open-link = 開啟貴機構的說明
checking-again = 重新檢查
checking-retry = { DURATION($seconds_left) }內可重新檢查，不必再輸入驗證碼。
checking-over = 免重新輸入驗證碼的檢查時限已過。
checking-over-text = 請改善列出的項目，再以新的驗證碼重新登入。
checking-sign-in-again = 重新登入

## 登入期間的電腦檢查

posture-title = 這台電腦不符合規定
posture-warnings-title = 這台電腦有需要改善之處
posture-ended-title = 這台電腦未符合的項目
posture-limited = 在改善之前，您只可使用部分資源。
posture-ends = 如未改善，這次登入將於 { DURATION($seconds_left) }後結束。
posture-checked-again = Praya 會自動重新檢查。

## 已在別處登入

elsewhere-title = 您已在別處登入
elsewhere-text = 此帳戶已在另一台電腦登入。如果那不是您本人，請立即聯絡技術支援人員。
elsewhere-since = 自 { INSTANT($since) } 起
elsewhere-from = 來自 { $source }
elsewhere-replace = 結束該處，改在這裡登入
elsewhere-keep = 保留該處，不在這裡登入
elsewhere-refused = 貴機構一次只允許一處登入，請先在該處登出。

## 連接中、重新連接、恢復

connecting-title = 連接中
connecting-text = 您已登入，通道正在建立。
connecting-restoring-title = 正在恢復登入狀態
connecting-restoring-text = 您仍處於登入狀態，通道正在恢復。
connecting-reconnecting-text = 通道中斷了，但您仍處於登入狀態。
connecting-attempt = 第 { $attempt } 次嘗試
connecting-trying = 正在嘗試…
connecting-next = { DURATION($seconds_left) }後再次嘗試
connecting-gives-up = 閘道會再保留您的登入 { DURATION($seconds_left) }。
connecting-now = 立即嘗試
connecting-takes-long = 花費的時間比平常久。

## 資源

resources-title = 資源
resources-groups = 群組
resources-all = 全部
resources-favourites = 我的最愛
resources-recent = 最近使用
resources-search = 搜尋資源
resources-clear-search = 清除搜尋內容
resources-count = { $count } 項資源
resources-none-title = 目前沒有提供給您的資源
resources-none-text = 請向貴機構申請將資源提供給您的群組。
resources-no-match = 找不到符合「{ $search }」的資源。
resources-no-favourites = 尚無我的最愛。請按資源旁的星號加入。
resources-no-recent = 尚未開啟過任何資源。
resources-unavailable = 此閘道不提供資源清單。通道已連通，請如同在辦公室一樣使用各地址。
resources-refresh = 更新清單
resources-opening = 正在開啟 { $name }。
resources-copy = 複製地址
resources-copied = 已複製地址。
resources-favourite-add = 將 { $name } 加入我的最愛
resources-favourite-remove = 將 { $name } 從我的最愛移除
resources-no-program = 這台電腦沒有可開啟此類資源的程式。請複製地址，用您自己的程式開啟。
resources-not-reachable = 通道連通時才能使用

## 頁首：連接資訊

header-connection = 連接資訊
header-details = 連接詳細資料
header-graph = 最近 { DURATION($seconds) }的流量
header-graph-text = 每秒接收 { BYTES($received) }，每秒發送 { BYTES($sent) }
header-per-second = { BYTES($n) }/秒
header-disconnect = 中斷連接
header-connect = 連接
header-menu = 選單
header-change-password = 變更密碼
header-sessions = 我的登入
header-settings = 設定
header-log-out = 登出
header-exit = 結束 (Exit)
header-device = 通道裝置
header-networks = 經由通道的網絡
header-networks-all = 全部
header-name-servers = 內部的域名伺服器
header-gateway = 閘道
header-warnings = 異常

## 我的登入、登出

sessions-title = 我的登入
sessions-text = 此帳戶目前登入的地方。若其中有不是您本人的，請立即聯絡技術支援人員。
sessions-this = 這台電腦
sessions-none = 沒有登入記錄。
sessions-end = 結束此登入
sessions-end-title = 要結束 { $host_name } 上的登入嗎？
sessions-ended = { $host_name } 上的登入已結束。
logout-title = 要登出嗎？
logout-text = 登入與通道都會結束。再次使用時需要密碼與新的驗證碼。
logout-confirm = 登出
exit-title = 要結束 Praya 嗎？
exit-text = 「結束」會登出並關閉通道。若要保持登入，只要關閉視窗即可，之後可由系統匣圖示重新開啟。
exit-text-no-tray = 「結束」會登出並關閉通道。若要保持登入，只要關閉視窗即可，視窗會留在視窗清單中。
exit-close-only = 只關閉視窗
exit-minimise-only = 只將視窗縮到最小
exit-confirm = 結束並登出
exit-failed-title = 無法登出
exit-failed-text = 您可能仍處於登入狀態，通道亦可能仍然連通。Praya 繼續執行，方便您處理。
exit-failed-anyway = 仍要結束，保持登入

## 設定

settings-title = 設定
settings-language = 語言
settings-language-system = 依系統設定：{ $language }
settings-theme = 外觀
settings-theme-system = 依系統設定
settings-theme-light = 淺色
settings-theme-dark = 深色
settings-start = 啟動
settings-start-at-login = 登入這台電腦時啟動 Praya
settings-start-minimised = 登入時啟動不開視窗，只顯示系統匣圖示
settings-connect-at-start = 啟動時連接
    .hint = 恢復您先前中斷的通道，或以上次使用的帳戶開始登入；未開視窗時，會以通知告訴您正在等待登入
settings-sign-in = 登入
settings-opening = 資源的開啟方式
settings-open-web = 網頁
settings-open-rdp = 遠端桌面
settings-open-ssh = 終端機
settings-open-files = 共用檔案
settings-open-system = 以系統預設程式開啟
settings-open-with = 以 { $program } 開啟
settings-open-copy = 只複製地址
settings-open-own = 以其他程式開啟
settings-program = 先寫程式，之後每行一個參數
    .hint = { $url }、{ $host }、{ $port } 代表資源的地址、主機與連接埠。內容不經命令介面：空格與引號都保留在所屬參數內。
settings-program-keep = 使用此程式
settings-program-no-name = 請在第一行填寫程式名稱或完整路徑。
settings-program-too-much = 內容太長：最多 32 行，每行最多 1024 位元組。
settings-program-unknown-placeholder = 大括號內只可用 { $url }、{ $host }、{ $port }。
settings-program-no-address = 沒有參數說明要開啟甚麼：請加入 { $url } 或 { $host }。
settings-program-not-there = 這部電腦沒有此程式，或您無權執行。
settings-notifications = 通知
settings-notify-ends = 登入結束或即將結束時
settings-notify-connection = 通道中斷或恢復時
settings-saved = 已儲存
settings-drawing = 畫面
settings-drawing-safe = 早前使用顯示卡啟動時視窗未能顯示，因此 Praya 目前不使用顯示卡。Praya、網頁元件或驅動程式更新後會自動再試。
settings-drawing-plainly = 重新使用顯示卡
settings-drawing-next = 下次啟動時，Praya 會使用顯示卡。
settings-diagnostics = 診斷資料
settings-about = 關於 Praya

## 閒置與到期

idle-title = 您還在嗎？
idle-text = 通道已有一段時間沒有使用。{ DURATION($seconds_left) }後將自動登出。
idle-announce = 若不繼續使用，{ DURATION($seconds_left) }後將自動登出。
idle-stay = 保持登入
idle-stay-hint = 按任意鍵也可以。
idle-log-out = 立即登出
idle-stayed = 您仍保持登入。
expiry-title = 登入即將到期
expiry-text = 單次登入的最長時間將於 { DURATION($seconds_left) }後到期。請先儲存工作，之後再重新登入。
expiry-dismiss = 知道

## 已結束，以及其他阻礙

ended-title = 您已登出
ended-gateway-says = 閘道訊息：{ $text }
service-gone-title = Praya 服務沒有回應
service-gone-text = 通道由該服務維持，此視窗只負責顯示。
service-gone-remedy = 服務可能正在重新啟動。若幾分鐘後仍未恢復，請重新啟動電腦，或聯絡技術支援人員。
service-gone-tunnel = 若通道先前已連通，現在可能仍然連通。
in-use-title = 另一位用戶已登入
in-use-text = 這台電腦上的另一位用戶正在使用 Praya。對方登出後，您就可以登入。
in-use-state = 對方的連接：{ $state }
in-use-way-out = 若對方離開時沒有登出，這台電腦的管理員可以執行「sudo praya logout」結束其登入。

## 系統匣

tray-show-resource = 顯示資源 (Show Resource)
tray-exit = 結束並登出 (Exit)
tray-connect = 連接
tray-disconnect = 中斷連接
tray-sign-in = 登入…
tray-recent = 最近使用
tray-favourites = 我的最愛
tray-account = { $account }，{ $profile }
tray-idle = { DURATION($seconds_left) }後自動登出
tray-service-gone = 服務沒有回應
tray-in-use = 另一位用戶已登入
tray-open-failed = 無法開啟資源
tray-connect-failed = 無法建立通道
tray-disconnect-failed = 無法中斷通道
tray-copied = 已複製「{ $name }」的地址
tray-copied-text = 請貼到可開啟該地址的程式中。
tray-tooltip = Praya：{ $state }
tray-tooltip-profile = Praya：{ $state }，{ $profile }

## 通知

notify-connected = 已連接到 { $profile }
notify-connected-text = 您可以使用資源了。
notify-reconnecting = 通道中斷
notify-reconnecting-text = 您仍處於登入狀態，Praya 正在重新連接。
notify-reconnected = 已恢復連接
notify-reconnected-text = 到 { $profile } 的通道已恢復。
notify-idle = 即將自動登出
notify-idle-text = 通道沒有使用。{ DURATION($seconds_left) }後將自動登出。
notify-ended = 您已登出
notify-service-gone = Praya 服務沒有回應
notify-service-gone-text = 通道可能已中斷，Praya 會繼續嘗試。
notify-still-running = Praya 在背景繼續執行
notify-still-running-text = 您仍保持登入。按系統匣中的「顯示資源 (Show Resource)」可重新開啟視窗。
notify-still-running-no-tray = 您仍保持登入。視窗留在視窗清單中，再次啟動 Praya 亦可重新開啟。
notify-sign-in-waits = { $profile } 正在等待您登入
notify-sign-in-waits-text = 請開啟 Praya 繼續登入。

## 診斷資料

diagnostics-title = 診斷資料
diagnostics-text = 技術支援人員查找問題時需要這些資料。交出之前請先閱讀：其中不含密碼、驗證碼與密鑰，姓名與地址也已遮蔽。
diagnostics-collect = 收集
diagnostics-collecting = 收集中…
diagnostics-content = 收集的內容
diagnostics-save = 儲存為檔案…
diagnostics-saved = 已儲存為 { $path }
diagnostics-copy = 全部複製

## 關於

about-title = 關於 Praya
about-text = 安全地遙距使用貴機構的資源。
about-version = 版本 { $version }
about-licence = Praya 是自由軟件，採用 MIT 授權或 Apache License 2.0。
about-licences = 所用組件的授權條款
about-licences-text = Praya 包含他人的作品。展開任何一個組件，即可閱讀其版權聲明與授權條款原文。
about-components = 組件清單
about-help = 技術支援
about-shortcuts = 鍵盤操作
about-shortcut-search = 搜尋資源
about-shortcut-settings = 開啟設定
about-shortcut-close = 關閉視窗，仍保持登入
