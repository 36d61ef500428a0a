### 命令列程式專用的文字；各項約定見 en/cli.ftl。

## 錯誤與提示

cli-usage-error = 錯誤：{ $text }
cli-no-terminal = 沒有可供詢問的終端機；請以 --answers-stdin 提供回答
cli-no-profile = 尚未儲存任何閘道；請以 --gateway URL 指定
cli-several-profiles = 已儲存多個閘道；請以 --profile NAME 選擇
cli-unexpected-answer = 服務的回應種類不符

## 處理方式與對應的指令

cli-remedy-sign-in-expired = 請重新執行：praya login
cli-remedy-unexpected-answer = 請重新執行：praya login
cli-remedy-session-ended = 請執行以下指令登入：praya login
cli-remedy-not-signed-in = 請執行以下指令登入：praya login
cli-remedy-name-not-found = 請檢查地址與這台電腦的網絡，或執行：praya doctor
cli-remedy-unreachable = 請檢查這台電腦的網絡，或執行：praya doctor
cli-remedy-unknown-gateway =
    請與貴機構公布的密鑰比對，不要與連接途中取得的任何資料比對。
    若兩者相同，請加上以下選項再執行一次：--pin KEY
cli-remedy-service-unavailable = 請執行以下指令啟動：sudo prayad
cli-remedy-version-mismatch = 請將兩者都更新，然後重新啟動服務。
cli-remedy-tunnel-up = 請先中斷通道：praya disconnect，或直接登出：praya logout
cli-remedy-no-tun-device = 服務需要 /dev/net/tun 與管理網絡的權限 (CAP_NET_ADMIN)。
cli-remedy-network-setup = 請執行：praya doctor
cli-remedy-no-such-resource = 查看資源名稱：praya resources
cli-remedy-no-such-profile = 查看名稱：praya profile list
cli-remedy-profile-taken = 請另取名稱。若要更換您自己同名的閘道，請加上 --replace 再執行一次
cli-remedy-already-signed-in = 查看狀態：praya status；登出：praya logout
cli-remedy-in-use-by-another = 請對方執行：praya logout
cli-doctor-remedy-name-not-found = 請檢查地址與這台電腦的網絡。
cli-doctor-remedy-unreachable = 請檢查這台電腦的網絡。
cli-doctor-remedy-network-setup = 請執行以下指令還原網絡設定：sudo praya reset-network

## 登入

cli-still-signed-in = 您仍處於登入狀態，不需要任何動作。
cli-signed-in-otherwise = 您仍處於登入狀態。若要改用其他身份登入，請先執行：praya logout
cli-signed-in-as = 您仍以 { $account } 登入於 { $gateway }。若要改用其他身份登入，請先執行：praya logout
cli-tunnel-late = 已登入。通道尚未連通，正在嘗試…
cli-session-stays = 您已登入，服務會繼續建立通道。查看狀態：praya status
cli-ask-account = 帳戶：
cli-ask-password = 密碼：
cli-ask-password-of = { $account } 的密碼：
cli-ask-code = 驗證碼：
cli-ask-answer = 回答：
cli-ask-field = { $label }：
cli-new-password-due = 必須設定新密碼。
cli-ask-new-password = 新密碼：
cli-ask-repeat-password = 再次輸入新密碼：
cli-ask-present-password = 目前的密碼：
cli-rules = 新密碼必須符合：
cli-once-more = 尚未符合，沒有提交任何資料。請再輸入一次。
cli-take-over = 要結束該處的登入，改在這裡登入嗎？[y/N]
    .yes = y yes replace 是
cli-elsewhere = 此帳戶已在別處登入：

## 完成的事項

cli-cancelled = 已取消。
cli-change-unknown = 已停止等候。新密碼已提交，是否生效可於下次登入時得知。
cli-password-changed = 密碼已變更。
cli-logged-out = 已登出，通道已中斷。
cli-telling-gateway = 這裡已登出，正在通知閘道…
cli-connecting = 正在建立通道。查看狀態：praya status
cli-disconnected = 通道已中斷，仍保持登入。重新連接：praya connect
cli-profile-added = 已儲存。
cli-profile-removed = 已移除。
cli-no-profiles = 尚未儲存任何閘道。新增方式：praya profile add NAME --gateway URL
cli-shared = 供這台電腦的所有用戶使用
cli-no-resources = 目前沒有提供給您的資源。
cli-opened = 已開啟 { $name }。
cli-open-yourself = 無法啟動瀏覽器，請自行開啟此地址：{ $address }
cli-use-rdp = 請以遠端桌面程式連接到：{ $address }
cli-use-ssh = 在終端機中執行：ssh { $address }
cli-use-file-share = 在檔案管理員中開啟：{ $address }
cli-status-stopped = 仍保持登入。

## 還原網絡設定

cli-nothing-to-reset = 這台電腦的網絡沒有 Praya 留下的設定。
cli-network-reset = 網絡設定已還原為 Praya 變更之前的狀態。
cli-network-partly-reset = Praya 的部分變更無法還原：
cli-network-perhaps-reset = 已知的 Praya 變更均已還原。
cli-reset-needs-root = 只有 root 能還原網絡設定，請執行：sudo praya reset-network
cli-not-reset = 無法還原網絡設定：{ $why }。
cli-left-alone = 已由他人變更，未更動：{ $what }
cli-not-undone = 未還原：{ $what }
cli-journal-damaged =
    還原記錄已損壞，保留為 { $path }：
    請查看其中仍在使用的設定，手動還原後將該檔案刪除。

## 狀態

cli-label-note = 備註
cli-label-retry = 下次嘗試
cli-label-ended = 結束原因
cli-label-problem = 問題
cli-label-warning = 警告
cli-within = { DURATION($seconds) }後

## 診斷

cli-doctor-good = 正常
cli-doctor-warning = 注意
cli-doctor-bad = 失敗
cli-doctor-skipped = 略過
cli-check-service = 服務
cli-check-service-checks = 檢查項目
cli-check-tun-device = 通道裝置
cli-check-leftovers = 殘留設定
cli-check-journal = 殘留設定
cli-check-dns = 域名伺服器
cli-check-route = 路由
cli-check-clock = 時間
cli-check-gateway-name = 閘道名稱
cli-check-gateway-reachable = 閘道
cli-check-gateway-tls = 閘道密鑰
cli-check-session = 登入
cli-check-resume = 恢復登入
cli-service-answers = prayad { $version } 有回應
cli-no-service = 沒有回應
cli-not-looked = 服務未執行檢查
cli-no-tun = 找不到 /dev/net/tun
cli-leftovers = 服務未清理即停止；請啟動服務，或執行：sudo praya reset-network
cli-no-leftovers = 沒有殘留設定
cli-not-allowed-to-look = 只有 root 能查看

## 電腦檢查

cli-check-again = 重新檢查？[Y/n]
    .no = n no 否
cli-posture-intro = 以下是 Praya 從這台電腦讀取的內容。閘道只會收到其政策要求的部分。
cli-posture-nothing-sent = 尚未傳送這台電腦的任何內容。
cli-posture-see-sent = 要查看這台電腦送出的內容，請在另一個終端機執行：praya check --sent
cli-posture-again = 閘道正在重新檢查這台電腦。查看結果：praya status
cli-posture-part = { $name }：{ $value }
cli-posture-asks-nothing = 「{ $policy }」對這台電腦沒有任何要求。
cli-posture-met = 「{ $policy }」會允許這台電腦登入。
cli-posture-met-with-warnings = 「{ $policy }」會允許這台電腦登入，並指出應改善之處：
cli-posture-limited = 「{ $policy }」只會允許這台電腦使用部分資源：
cli-posture-refused = 「{ $policy }」不會允許這台電腦登入：
cli-posture-bad-policy = 無法讀取政策 { $path }：{ $why }。
cli-label-requirement = 未符合
