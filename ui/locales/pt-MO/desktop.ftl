### A janela, a área de notificação e as notificações da aplicação.

## Em todo o lado

language-name = Português (Macau)
action-cancel = Cancelar
action-close = Fechar
action-back = Voltar
action-continue = Continuar
action-retry = Tentar novamente
action-copied = Copiado
action-remove = Remover
skip-to-content = Saltar para o conteúdo
optional = opcional
loading = A carregar…
note-copy-support-code = Copiar o código de assistência
managed = Gerido pela sua organização
managed-hint = Foi definido pelo administrador e não pode ser alterado aqui.
no-tray = Este ambiente não mostra ícones na área de notificação. O Praya continua acessível: inicie-o outra vez para trazer esta janela de volta.
safe-mode = O Praya está em modo de segurança porque o último arranque não mostrou nenhuma janela. O desenho pode ser mais lento; tudo funciona.
notice-no-tray = Ao fechar, a janela passou para a lista de janelas, porque este ambiente não mostra ícones na área de notificação. A sua sessão manteve-se.
notice-settings-unreadable = Não foi possível ler as suas definições; estão em vigor as predefinidas.
notice-managed-unreadable = Não foi possível ler o que o administrador definiu; está em vigor a escolha segura para tudo.

## Gateway: qual, e se é o certo

gateway-title = Escolha um gateway
gateway-intro = Um gateway é a porta para a rede da sua organização.
gateway-none = Ainda não há nenhum gateway guardado. Adicione o que a sua organização lhe indicou.
gateway-list = Gateways guardados
gateway-shared = Configurado para todos neste computador
gateway-add = Adicionar um gateway
gateway-by-address = Por endereço
gateway-by-link = Por ligação
gateway-by-file = Por ficheiro
gateway-address = Endereço
    .hint = Como a sua organização lhe indicou, por exemplo vpn.example.org
    .error = Não é um endereço de gateway. Escreva-o como vpn.example.org ou https://vpn.example.org.
gateway-name = Nome
    .hint = Como se chamará na lista
    .error = Um nome tem de 1 a 64 caracteres, sem barras.
gateway-pin = Chave do gateway
    .hint = Só para um gateway privado; começa por pin-sha256:
    .error = Não é uma chave. Começa por pin-sha256: e acaba com um sinal de igual.
gateway-pinned = Só com a chave guardada
gateway-link = Ligação de convite
    .hint = Começa por praya:// e vem do seu administrador
gateway-file = Ficheiro de perfil
    .hint = Um ficheiro com nome terminado em .praya, do seu administrador
gateway-choose-file = Escolher um ficheiro…
gateway-drop-file = ou largue-o aqui
gateway-invitation-title = Adicionar este gateway?
gateway-invitation-text = O convite é para o gateway abaixo. Adicione-o apenas se veio da sua própria organização.
gateway-invitation-refused = Convite
gateway-store = Adicionar
gateway-remove = Remover { $name }
gateway-remove-title = Remover { $name }?
gateway-remove-text = O gateway é retirado da lista. Nada muda no próprio gateway.
gateway-stored = { $name } foi guardado.
gateway-removed = { $name } foi removido.
gateway-confirm-title = É este o gateway da sua organização?
gateway-confirm-text = { $gateway } é um gateway privado. Só a sua chave diz se é o certo. Introduza a chave publicada pela sua organização.
gateway-confirm-expected = Chave publicada
    .hint = Começa por pin-sha256: e vem em papel, do sítio Web ou da assistência
gateway-confirm-shown = Chave que o gateway apresenta
gateway-confirm-check = Comparar
gateway-confirm-same = As chaves são iguais. Este é o gateway.
gateway-confirm-differs = Não são iguais.
gateway-confirm-differs-text = Se recebeu a chave de uma autoridade de certificação, pode estar certo: o Praya verifica-a ao iniciar sessão e recusa outro gateway. Se não, pare aqui e leia a chave abaixo à assistência.
gateway-confirm-use = Verificar ao iniciar sessão
gateway-key-wrong-title = Não se pode confiar neste gateway agora
gateway-key-wrong-own = Leia a chave acima ao serviço de assistência. Só se confirmarem que é nova: remova este gateway da lista e adicione-o de novo com a chave que lhe derem.
gateway-key-wrong-shared = Este gateway foi configurado para todos neste computador, e só o administrador pode guardar uma chave para ele. Leia a chave acima ao serviço de assistência.
gateway-key-wrong-again = Voltar ao início de sessão

## Iniciar sessão

sign-in-to = Iniciar sessão em { $name }
sign-in-other-gateway = Outro gateway
sign-in-account = Conta
    .error = Introduza a sua conta.
sign-in-password = Palavra-passe
    .error = Introduza a sua palavra-passe.
sign-in-show-password = Mostrar a palavra-passe
sign-in-hide-password = Ocultar a palavra-passe
sign-in-caps-lock = As maiúsculas (Caps Lock) estão fixas.
sign-in-remember = Lembrar a conta neste computador
sign-in-submit = Iniciar sessão
sign-in-checking = O gateway está a verificar…
sign-in-cancel = Cancelar o início de sessão
sign-in-expires = Este passo termina dentro de { DURATION($seconds_left) }.

## Código do token

code-title = Introduza o código
code-prompt = O gateway diz
code-text = Prima o botão do token, ou abra a aplicação no telemóvel, e introduza o número que aparece.
code-token = Token { $serial }
code-label = Código
    .hint = { $digits } algarismos
    .error = O código tem { $digits } algarismos.
    .paste = O que colou não contém um único código de { $digits } algarismos. Escreva o código.
code-left = { $seconds_left ->
        [one] Resta { $seconds_left } segundo a este código
       *[other] Restam { $seconds_left } segundos a este código
    }
code-left-wait = { $seconds_left ->
        [one] Resta { $seconds_left } segundo deste código. É melhor aguardar.
       *[other] Restam { $seconds_left } segundos deste código. É melhor aguardar.
    }
code-wait = O código está prestes a mudar. É melhor aguardar pelo seguinte.
code-submit = Submeter
code-trouble = O código não é aceite?
code-trouble-text = Cada código só funciona uma vez. Aguarde pelo seguinte. Se o código aparece num telemóvel, verifique a hora do telemóvel. Se continuar a falhar, contacte o serviço de assistência e indique o número de série do token.

## Nova palavra-passe

new-password-title = Escolha uma nova palavra-passe
new-password-due = A palavra-passe que recebeu tem de ser substituída antes de poder abrir seja o que for.
new-password-change-title = Alterar a palavra-passe
new-password-current = Palavra-passe atual
    .error = Introduza a palavra-passe com que iniciou sessão.
new-password-new = Nova palavra-passe
    .error = Introduza uma nova palavra-passe.
new-password-repeat = Nova palavra-passe outra vez
    .error = As duas entradas são diferentes.
new-password-rules = A nova palavra-passe tem de cumprir:
new-password-rule-met = cumprida
new-password-rule-unmet = ainda não cumprida
new-password-rule-at-gateway = verificada pelo gateway
new-password-submit = Modificar (Modify)
new-password-done = A palavra-passe foi alterada.

## O que um gateway de outra origem pergunta

form-title = O gateway pergunta
form-submit = Submeter

## Verificação deste computador
## `check-…` é o que é lido, com o que só essa verificação diz; `expected-…` e `found-…` servem a todas.

checking-title = A verificar este computador
checking-text = O gateway quer saber se este computador cumpre as regras da sua organização.
checking-reads = O Praya lê o seguinte e nada mais:
checking-running = A ler…
checking-failed-title = Este computador não cumpre as regras
checking-failed-text = { $failed ->
        [one] Um requisito não é cumprido. Corrija-o e verifique de novo.
       *[other] { $failed } requisitos não são cumpridos. Corrija-os e verifique de novo.
    }
checking-warnings-text = { $warnings ->
        [one] Há uma coisa a corrigir. Não impede o início de sessão.
       *[other] Há { $warnings } coisas a corrigir. Não impedem o início de sessão.
    }
checking-open-link = Abrir a ajuda da sua organização
checking-again = Verificar de novo
checking-retry = Pode verificar de novo sem outro código durante mais { DURATION($seconds_left) }.
checking-over = Terminou o tempo para verificar de novo sem outro código.
checking-over-text = Corrija o que consta da lista e inicie sessão novamente com outro código.
checking-sign-in-again = Iniciar sessão novamente

## A verificação do computador durante a sessão

posture-title = Este computador não cumpre as regras
posture-warnings-title = Há algo a corrigir neste computador
posture-ended-title = O que este computador não cumpriu
posture-limited = Até que isto seja corrigido, só tem acesso a alguns recursos.
posture-ends = Se isto não for corrigido, a sessão termina dentro de { DURATION($seconds_left) }.
posture-checked-again = O Praya verifica de novo automaticamente.

## Sessão iniciada noutro local

elsewhere-title = Já tem sessão iniciada noutro local
elsewhere-text = Esta conta tem sessão iniciada noutro computador. Se não for o próprio, contacte de imediato o serviço de assistência.
elsewhere-since = desde { INSTANT($since) }
elsewhere-from = a partir de { $source }
elsewhere-replace = Terminá-la e continuar aqui
elsewhere-keep = Mantê-la e parar aqui
elsewhere-refused = A sua organização permite uma sessão de cada vez. Termine primeiro a outra.

## Ligar, restabelecer, restaurar

connecting-title = A ligar
connecting-text = A sessão está iniciada. O túnel está a ser estabelecido.
connecting-restoring-title = A restaurar a sua sessão
connecting-restoring-text = Ainda tem sessão iniciada. O túnel está a ser restabelecido.
connecting-reconnecting-text = O túnel perdeu-se. Ainda tem sessão iniciada.
connecting-attempt = Tentativa { $attempt }
connecting-trying = A tentar agora…
connecting-next = Próxima tentativa dentro de { DURATION($seconds_left) }
connecting-gives-up = O gateway guarda a sua sessão durante mais { DURATION($seconds_left) }.
connecting-now = Tentar agora
connecting-takes-long = Está a demorar mais do que o habitual.

## Recursos

resources-title = Recursos
resources-groups = Grupos
resources-all = Todos
resources-favourites = Favoritos
resources-recent = Utilizados recentemente
resources-search = Procurar recursos
resources-clear-search = Limpar a procura
resources-count = { $count ->
        [one] { $count } recurso
       *[other] { $count } recursos
    }
resources-none-title = Ainda não há nada publicado para si
resources-none-text = Peça à sua organização que publique recursos para o seu grupo.
resources-no-match = Nada corresponde a «{ $search }».
resources-no-favourites = Ainda não há favoritos. Escolha a estrela ao lado de um recurso.
resources-no-recent = Ainda não foi aberto nada.
resources-unavailable = Este gateway não tem lista de recursos. O túnel está ativo; utilize os endereços como no escritório.
resources-refresh = Atualizar a lista
resources-opening = A abrir { $name }.
resources-copy = Copiar o endereço
resources-copied = O endereço foi copiado.
resources-favourite-add = Adicionar { $name } aos favoritos
resources-favourite-remove = Retirar { $name } dos favoritos
resources-no-program = Nenhum programa deste computador abre este tipo de recurso. Copie o endereço e utilize-o num programa seu.
resources-not-reachable = Só acessível com o túnel ativo

## Cabeçalho: a ligação

header-connection = Ligação
header-details = Detalhes da ligação
header-graph = Tráfego dos últimos { DURATION($seconds) }
header-graph-text = Recebe { BYTES($received) } por segundo, envia { BYTES($sent) } por segundo
header-per-second = { BYTES($n) }/s
header-disconnect = Desligar
header-connect = Ligar
header-menu = Menu
header-change-password = Alterar a palavra-passe
header-sessions = As minhas sessões
header-settings = Definições
header-log-out = Terminar sessão
header-exit = Sair (Exit)
header-device = Dispositivo do túnel
header-networks = Redes através do túnel
header-networks-all = tudo
header-name-servers = Servidores de nomes internos
header-gateway = Gateway
header-warnings = Não está como devia

## As minhas sessões, terminar sessão

sessions-title = As minhas sessões
sessions-text = Onde esta conta tem sessão iniciada. Se alguma não for sua, contacte de imediato o serviço de assistência.
sessions-this = este computador
sessions-none = Não se conhece nenhuma sessão.
sessions-end = Terminar esta sessão
sessions-end-title = Terminar a sessão em { $host_name }?
sessions-ended = A sessão em { $host_name } foi terminada.
logout-title = Terminar sessão?
logout-text = A sessão e o túnel terminam. Para voltar, precisa da palavra-passe e de um código novo.
logout-confirm = Terminar sessão
exit-title = Sair do Praya?
exit-text = Sair termina a sessão e o túnel. Para os manter, feche apenas a janela: o ícone na área de notificação trá-la de volta.
exit-text-no-tray = Sair termina a sessão e o túnel. Para os manter, feche apenas a janela: fica na lista de janelas.
exit-close-only = Fechar só a janela
exit-minimise-only = Minimizar só a janela
exit-confirm = Sair e terminar sessão
exit-failed-title = Não foi possível terminar a sessão
exit-failed-text = A sessão pode continuar iniciada e o túnel ativo. O Praya fica aberto para que possa tratar disso.
exit-failed-anyway = Sair mesmo assim, a sessão mantém-se

## Definições

settings-title = Definições
settings-language = Idioma
settings-language-system = Como o sistema: { $language }
settings-theme = Aspeto
settings-theme-system = Como o sistema
settings-theme-light = Claro
settings-theme-dark = Escuro
settings-start = Arranque
settings-start-at-login = Iniciar o Praya quando inicio sessão neste computador
settings-start-minimised = Ao iniciar com a sessão, mostrar só o ícone na área de notificação
settings-connect-at-start = Ligar no arranque
    .hint = Restabelece um túnel que desligou, ou começa a iniciar a sessão da última conta utilizada; sem janela à vista, uma notificação diz que está à espera
settings-sign-in = Início de sessão
settings-opening = Como abrem os recursos
settings-open-web = Páginas Web
settings-open-rdp = Ambientes remotos
settings-open-ssh = Terminais
settings-open-files = Partilhas de ficheiros
settings-open-system = Com o programa do sistema
settings-open-with = Com { $program }
settings-open-copy = Copiar apenas o endereço
settings-open-own = Com outro programa
settings-program = O programa e depois um argumento por linha
    .hint = { $url }, { $host } e { $port } representam os do recurso. Nenhuma shell os interpreta: espaços e aspas ficam no seu argumento.
settings-program-keep = Usar este programa
settings-program-no-name = Escreva na primeira linha o nome do programa ou o seu caminho completo.
settings-program-too-much = Demasiado longo: no máximo 32 linhas de 1024 bytes.
settings-program-unknown-placeholder = Entre chavetas, só { $url }, { $host } e { $port } têm significado.
settings-program-no-address = Nenhum argumento diz o que abrir: acrescente { $url } ou { $host }.
settings-program-not-there = Esse programa não existe aqui ou não o pode executar.
settings-notifications = Notificações
settings-notify-ends = Quando uma sessão termina ou está prestes a terminar
settings-notify-connection = Quando o túnel cai ou volta
settings-saved = Guardado
settings-drawing = Desenho
settings-drawing-safe = O Praya desenha sem a placa gráfica, porque um arranque com ela não mostrou nenhuma janela. Volta a tentar por si quando o Praya, o componente web ou o controlador mudarem.
settings-drawing-plainly = Voltar a usar a placa gráfica
settings-drawing-next = A partir do próximo arranque, o Praya desenha com a placa gráfica.
settings-diagnostics = Diagnóstico
settings-about = Acerca do Praya

## Inatividade e fim do tempo

idle-title = Ainda está aí?
idle-text = Há algum tempo que nada passa pelo túnel. A sessão termina dentro de { DURATION($seconds_left) }.
idle-announce = A sessão termina dentro de { DURATION($seconds_left) } se não continuar.
idle-stay = Manter a sessão
idle-stay-hint = Qualquer tecla faz o mesmo.
idle-log-out = Terminar agora
idle-stayed = A sua sessão mantém-se.
expiry-title = A sessão termina em breve
expiry-text = A duração máxima permitida acaba dentro de { DURATION($seconds_left) }. Guarde o seu trabalho; depois inicie sessão novamente.
expiry-dismiss = Compreendi

## Terminada, e outros impedimentos

ended-title = A sua sessão terminou
ended-gateway-says = O gateway diz: { $text }
service-gone-title = O serviço Praya não responde
service-gone-text = É o serviço que mantém o túnel; esta janela apenas o mostra.
service-gone-remedy = Pode estar a reiniciar. Se não voltar dentro de alguns minutos, reinicie o computador ou contacte o serviço de assistência.
service-gone-tunnel = Se havia um túnel ativo, pode continuar ativo.
in-use-title = Outra pessoa tem sessão iniciada
in-use-text = Outra pessoa está neste momento a utilizar o Praya neste computador. Pode iniciar sessão quando ela terminar a dela.
in-use-state = Ligação dessa pessoa: { $state }
in-use-way-out = Se essa pessoa saiu sem terminar a sessão, um administrador deste computador pode terminá-la com «sudo praya logout».

## Área de notificação

tray-show-resource = Mostrar recursos (Show Resource)
tray-exit = Sair e terminar sessão (Exit)
tray-connect = Ligar
tray-disconnect = Desligar
tray-sign-in = Iniciar sessão…
tray-recent = Utilizados recentemente
tray-favourites = Favoritos
tray-account = { $account } em { $profile }
tray-idle = A sessão termina dentro de { DURATION($seconds_left) }
tray-service-gone = O serviço não responde
tray-in-use = Outra pessoa tem sessão iniciada
tray-open-failed = Não foi possível abrir o recurso
tray-connect-failed = Não foi possível estabelecer o túnel
tray-disconnect-failed = Não foi possível desligar o túnel
tray-copied = { $name }: o endereço foi copiado
tray-copied-text = Cole-o no programa que o abre.
tray-tooltip = Praya: { $state }
tray-tooltip-profile = Praya: { $state }, { $profile }

## Notificações

notify-connected = Ligado a { $profile }
notify-connected-text = Os seus recursos estão acessíveis.
notify-reconnecting = O túnel perdeu-se
notify-reconnecting-text = Ainda tem sessão iniciada; o Praya está a restabelecer a ligação.
notify-reconnected = Ligado de novo
notify-reconnected-text = O túnel para { $profile } voltou.
notify-idle = A sua sessão está prestes a terminar
notify-idle-text = Nada passou pelo túnel. A sessão termina dentro de { DURATION($seconds_left) }.
notify-ended = A sua sessão terminou
notify-service-gone = O serviço Praya não responde
notify-service-gone-text = O túnel pode estar em baixo. O Praya continua a tentar.
notify-still-running = O Praya continua em segundo plano
notify-still-running-text = A sua sessão mantém-se. «Mostrar recursos (Show Resource)» na área de notificação traz a janela de volta.
notify-still-running-no-tray = A sua sessão mantém-se. A janela está na lista de janelas; iniciar o Praya outra vez também a traz de volta.
notify-sign-in-waits = O início de sessão em { $profile } está à sua espera
notify-sign-in-waits-text = Abra o Praya e continue aí.

## Diagnóstico

diagnostics-title = Diagnóstico
diagnostics-text = É disto que o serviço de assistência precisa para encontrar um problema. Leia antes de o entregar: palavras-passe, códigos e chaves nunca constam, e nomes e endereços são tornados ilegíveis.
diagnostics-collect = Recolher
diagnostics-collecting = A recolher…
diagnostics-content = O que é recolhido
diagnostics-save = Guardar como ficheiro…
diagnostics-saved = Guardado como { $path }
diagnostics-copy = Copiar tudo

## Acerca

about-title = Acerca do Praya
about-text = Acesso remoto seguro aos recursos da sua organização.
about-version = Versão { $version }
about-licence = O Praya é software livre sob a licença MIT ou a Apache License 2.0.
about-licences = Licenças dos componentes utilizados
about-licences-text = O Praya contém trabalho de terceiros. Abra um componente para ler os seus avisos de direitos de autor e licenças, no texto original.
about-components = Lista de componentes
about-help = Assistência
about-shortcuts = Teclado
about-shortcut-search = Procurar os recursos
about-shortcut-settings = Abrir as definições
about-shortcut-close = Fechar a janela; a sessão mantém-se
