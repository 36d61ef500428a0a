### Os textos comuns a todas as vistas; as convenções estão em en/common.ftl.

## Falhas: início de sessão

failure-wrong-credentials = Nome ou palavra-passe incorretos.
    .remedy = Verifique ambos e tente novamente. As tentativas são limitadas; após algumas falhas, a conta fica bloqueada durante algum tempo.
failure-locked = O início de sessão desta conta está bloqueado. O bloqueio termina por si dentro de { DURATION($seconds_left) }.
    .remedy = Até lá, mesmo a palavra-passe correta é recusada. Se não foi o próprio a tentar, contacte o serviço de assistência.
failure-too-many-attempts = Demasiadas tentativas a partir deste endereço. Tente novamente dentro de { DURATION($retry_after_seconds) }.
    .remedy = Basta aguardar.
failure-wrong-otp = Esse código não está correto.
    .remedy = Aguarde pelo código seguinte e introduza-o. Cada código só funciona uma vez.
failure-replayed-otp = Esse código já foi utilizado. O token mostra o seguinte dentro de { DURATION($next_in_seconds) }.
    .remedy = Aguarde pelo código seguinte e introduza-o.
failure-otp-clock-off = O relógio do token { $serial } não está certo.
    .remedy = Se for um telemóvel, verifique a hora; um token físico tem de ser sincronizado pelo serviço de assistência.
failure-token-inactive = O token { $serial } não foi utilizado durante { $days } dias e foi encerrado.
    .remedy = Só um administrador o pode reativar: contacte o serviço de assistência.
failure-token-disabled = O token { $serial } está desativado.
    .remedy = Só um administrador o pode alterar: contacte o serviço de assistência.
failure-no-token = Esta conta não tem nenhum token atribuído, e é obrigatório ter um.
    .remedy = Só um administrador o pode atribuir: contacte o serviço de assistência.
failure-account-disabled = Esta conta está desativada.
    .remedy = Só um administrador a pode reativar: contacte o serviço de assistência.
failure-initial-password-expired = A palavra-passe inicial está correta, mas foi entregue há demasiado tempo.
    .remedy = Só um administrador pode definir uma nova: contacte o serviço de assistência.
failure-password-rules = A nova palavra-passe não cumpre as regras seguintes: { $broken }.
    .remedy = Escolha outra.
failure-sign-in-expired = Este início de sessão já não está aberto.
    .remedy = Comece de novo.
failure-unexpected-answer = O gateway esperava outra resposta.
    .remedy = Comece de novo.
failure-signed-in-elsewhere =
    Esta conta já tem sessão iniciada:
    { $sessions }
    .remedy = Termine primeiro essa sessão ou, se não for sua, contacte o serviço de assistência.
failure-cancelled = Cancelado.
failure-posture-unsupported = O gateway quer verificar este computador, o que esta versão do Praya não consegue fazer.
    .remedy = Peça uma versão mais recente ao serviço de assistência.
failure-posture-failed = Este computador não cumpre as regras e não foi corrigido a tempo.
    .remedy = Corrija o que falta e inicie sessão novamente.
failure-bad-posture-report = O gateway não aceitou o que este computador comunicou sobre si próprio.
    .remedy = Verifique novamente. Se acontecer sempre, informe o serviço de assistência.
failure-gateway-says = O gateway recusou e diz: { $text }
failure-busy = O gateway está ocupado. Tente novamente dentro de { DURATION($retry_after_seconds) }.
    .remedy = Nada foi avaliado; esta tentativa não conta.

## Falhas: a sessão

failure-not-signed-in = Não tem sessão iniciada.
    .remedy = Inicie sessão primeiro.
failure-wrong-current-password = A palavra-passe atual não está correta.
    .remedy = Introduza a palavra-passe com que iniciou sessão.

## Falhas: chegar ao gateway

failure-name-not-found = Não foi possível encontrar o endereço de { $host }.
    .remedy = Verifique o endereço e a ligação deste computador à rede.
failure-unreachable = O gateway { $gateway } não responde ({ $cause ->
        [refused] a ligação foi recusada
        [timeout] sem resposta a tempo
        [no_route] não há caminho a partir desta rede
        [reset] a ligação foi cortada
       *[other] { $cause }
    }).
    .remedy = Verifique a ligação deste computador à rede e tente novamente.
failure-unknown-gateway =
    O gateway { $gateway } não é publicamente conhecido. Apresenta esta chave:
      { $pin }
    .remedy = Compare-a com a chave publicada pela sua organização e não com algo que tenha obtido pelo caminho.
failure-pin-mismatch =
    O gateway { $gateway } não apresenta a chave que devia. Apresenta:
      { $pin }
    .remedy = Alguém pode estar à escuta, ou o gateway tem uma chave nova. Nada lhe foi enviado. Pergunte à sua organização.
failure-tls = Não há ligação segura ao gateway: { $detail }.
    .remedy = Verifique o relógio deste computador e o endereço. Se persistir, contacte o serviço de assistência.
failure-protocol = O gateway responde algo que este programa não compreende: { $detail }.
    .remedy = Verifique o endereço. Se estiver correto, contacte o serviço de assistência.

## Falhas: este computador

failure-service-unavailable = O serviço Praya deste computador não está a funcionar ou não responde.
    .remedy = Reinicie o computador. Se persistir, contacte o serviço de assistência.
failure-not-permitted = Não tem permissão para o fazer.
    .remedy = Fale com o administrador deste computador.
failure-in-use-by-another = Outra pessoa tem sessão iniciada neste computador.
    .remedy = Peça-lhe que termine a sessão.
failure-already-signed-in = Ainda tem sessão iniciada.
    .remedy = Não é preciso iniciar sessão outra vez.
failure-version-mismatch = O Praya { $view } e o seu serviço { $service } não são compatíveis.
    .remedy = Atualize ambos e reinicie o computador.
failure-tunnel-up = O túnel está ativo e as suas definições de rede estão em uso.
    .remedy = Desligue primeiro.
failure-no-tun-device = Não foi possível criar o dispositivo do túnel: { $detail }.
    .remedy = Fale com o administrador deste computador.
failure-network-setup = Não foi possível configurar a rede: { $detail }.
    .remedy = Tente novamente. Se persistir, contacte o serviço de assistência.
failure-no-such-resource = Não existe nenhum recurso com o nome «{ $name }».
    .remedy = Atualize a lista; pode ter sido retirado.
failure-bad-resource = O endereço de «{ $name }» não pode ser aberto.
    .remedy = Foi mal publicado. Informe o serviço de assistência.
failure-bad-profile = O gateway não pode ser guardado: { $problem ->
        [name] um nome tem de 1 a 64 caracteres visíveis, sem barras
        [address] isto não é um endereço de gateway
        [scheme] só se chega a um gateway por https
        [pin] isto não é uma chave de gateway
       *[other] algo nele não está como devia
    }.
    .remedy = Verifique-o ou peça um novo.
failure-bad-invitation = O convite não foi aceite: { $problem ->
        [too_long] é demasiado longo
        [not_an_invitation] não é uma ligação praya:// nem um ficheiro de perfil
        [unknown_action] não é para adicionar um gateway
        [unknown_key] contém algo que aqui não tem significado
        [twice] diz a mesma coisa duas vezes
        [no_gateway] não indica nenhum gateway
        [escape] a ligação está danificada
        [name] o nome nele não pode ser utilizado
        [address] o endereço nele não é de um gateway
        [scheme] só se chega a um gateway por https
        [pin] a chave nele não é de um gateway
        [another_waits] há outro à espera da sua resposta
        [not_shown] não é o que lhe foi mostrado
       *[other] algo nele não está como devia
    }.
    .remedy = { $problem ->
        [another_waits] Responda primeiro a esse e depois abra o outro novamente.
        [not_shown] Abra o convite novamente e leia-o de novo.
       *[other] Peça um novo a quem o enviou.
    }
failure-profile-taken = Já existe um gateway «{ $name }», em { $gateway }. Não foi alterado.
    .remedy = Escolha um nome que não se confunda com esse. Só se a sua organização lhe disse que o gateway mudou, remova primeiro o antigo; o que foi configurado para todos é alterado pelo administrador.
failure-no-such-profile = Não existe nenhum gateway com o nome «{ $name }».
    .remedy = Veja quais estão guardados.
failure-too-many-profiles = Não se guardam mais de { $most } gateways.
    .remedy = Remova um de que já não precise.
failure-settings-not-opened = Não foi possível abrir as definições do sistema.
    .remedy = Abra-as manualmente. Se não encontrar o lugar, contacte o serviço de assistência.
failure-internal = Algo correu mal no Praya: { $detail }.
    .remedy = Tente novamente. Se persistir, contacte o serviço de assistência.

## Como terminou uma sessão

end-user-logout = Terminou a sessão.
end-tray-exit = Escolheu «Sair (Exit)».
end-idle = A sessão terminou por não ter sido utilizada durante demasiado tempo.
    .remedy = Inicie sessão novamente.
end-absolute = A sessão atingiu a duração máxima permitida.
    .remedy = Inicie sessão novamente.
end-admin = Um administrador terminou a sessão.
    .remedy = Se não souber porquê, contacte o serviço de assistência.
end-duplicate = A sessão terminou porque esta conta iniciou sessão noutro local.
    .remedy = Se não foi o próprio, contacte de imediato o serviço de assistência. Caso contrário, inicie sessão novamente.
end-posture-lost = A sessão terminou porque este computador deixou de cumprir as regras.
    .remedy = Corrija o que falta e inicie sessão novamente.
end-password-changed = A sessão terminou porque a palavra-passe foi alterada.
    .remedy = Inicie sessão com a nova palavra-passe. Se não foi o próprio a alterá-la, contacte de imediato o serviço de assistência.
end-account-disabled = A sessão terminou porque a conta foi desativada.
    .remedy = Se não souber porquê, contacte o serviço de assistência.
end-token-disabled = A sessão terminou porque o token foi desativado.
    .remedy = Se não souber porquê, contacte o serviço de assistência.
end-gateway-restart = A sessão terminou porque o gateway parou.
    .remedy = Inicie sessão novamente dentro de alguns minutos.
end-away = A sessão terminou porque este computador esteve ausente durante demasiado tempo.
    .remedy = Inicie sessão novamente.
end-other = O gateway terminou a sessão.
    .remedy = Inicie sessão novamente.
ended-by-administrator-session = Um administrador deste computador terminou a sessão.
ended-by-administrator-sign-in = Um administrador deste computador interrompeu o início de sessão.
gateway-not-told = O gateway não respondeu. Termina a sessão por si quando o tempo acabar.
gateway-not-told-until = O gateway não respondeu. Termina a sessão por si, o mais tardar dentro de { DURATION($seconds_left) }.

## Estados

state-no-session = Sem sessão iniciada
state-restoring = A restaurar a sessão
state-signing-in = A iniciar sessão
state-connected = Ligado
state-reconnecting = A restabelecer a ligação
state-idle-warning = Ligado, fim de sessão por inatividade próximo
state-ended = Terminado
state-paused = Desligado, a sessão mantém-se

## Nomes dos dados da ligação, e a quem perguntar

label-state = Estado
label-vpn-name = Nome da VPN
label-ip-address = Endereço IP
label-user = Utilizador
label-duration = Duração
label-received = Recebido
label-sent = Enviado
label-channel = Transporte
label-protection = Cifra
label-round-trip = Ida e volta
label-idle = Fim por inatividade
label-expiry = Fim da sessão
label-last-sign-in = Última sessão
label-banner = Mensagem
label-help-desk = Assistência
label-gateway-says = O gateway diz
help-desk = Assistência: { $help_desk }
support-code = Código de assistência: { $support }
last-sign-in = { INSTANT($at) }, a partir de { $source }
elsewhere-session = { $host_name } ({ $source }), desde { INSTANT($since) }

## Como os pacotes chegam ao gateway, e porquê

channel-tls = TLS
channel-udp = UDP
channel-line = { $channel } – { $reason }
channel-reason-preferred = responde, e um pacote perdido não atrasa os outros
channel-reason-switched-off = o UDP está desativado neste computador
channel-reason-not-offered = o gateway não oferece UDP
channel-reason-opening = o UDP está a ser tentado
channel-reason-unanswered = o UDP não obtém resposta; esta rede pode bloqueá-lo
channel-reason-silent = o UDP deixou de responder; está a ser tentado de novo
channel-reason-unavailable = este computador não consegue enviar por UDP
round-trip = { $ms } ms
round-trip-short = menos de 1 ms

## Regras de uma nova palavra-passe

rule-min-length = pelo menos { $min_length } caracteres
    .unknown = comprimento suficiente
rule-max-length = no máximo { $max_length } caracteres
    .unknown = não demasiado longa
rule-upper = uma letra maiúscula
rule-lower = uma letra minúscula
rule-digit = um algarismo
rule-only-letters-and-digits = apenas letras A-Z, a-z e algarismos
rule-not-the-account = não contém o nome da conta
rule-not-common = não é uma palavra-passe comum
rule-not-the-old = não é a palavra-passe antiga
rule-matches = ambas as entradas são iguais
    .broken = As duas entradas são diferentes.

## Recursos

kind-web = Web
kind-rdp = ambiente remoto
kind-ssh = terminal
kind-file-share = ficheiros
kind-other = outro

## O que não está como devia, embora o túnel esteja ativo

warning-route-conflict = A rede { $tunnel } do túnel sobrepõe-se a { $local } em { $device }: o que aí estiver pode ficar inacessível.
warning-dns = Os nomes internos podem não ser encontrados: { $detail }.
warning-not-resumable = A sessão não sobreviverá a um reinício do serviço: { $detail }.

## A verificação do computador: o exigido e o encontrado

checking-outcome-failed = Não cumprido
checking-outcome-warning = Apenas aviso
checking-required = Exigido
checking-found = Encontrado
checking-remedy = O que fazer
checking-unread-remedy = Verifique de novo. Se continuar assim, contacte o serviço de assistência.
checking-more = { $more ->
        [one] Há mais um que não está nesta lista.
       *[other] Há mais { $more } que não estão nesta lista.
    }
open-settings = Abrir as definições
name-separator = { ", " }
check-operating-system = Sistema operativo
    .reads = O sistema operativo e a sua versão
    .open-settings = Abrir as definições de atualização
    .remedy = Atualize este computador para um sistema admitido ou use outro computador. O serviço de assistência pode ajudar.
check-antivirus = Antivírus
    .reads = Que antivírus o protege
    .open-settings = Abrir o centro de segurança
    .expected-on = Um antivírus em execução
    .remedy = Instale um antivírus admitido e mantenha-o em execução.
    .remedy-off = Ative a proteção do programa.
    .remedy-snoozed = Termine a pausa no programa.
    .remedy-expired = Renove a licença do programa ou instale outro que seja admitido.
check-antivirus-definitions = Definições de vírus
    .reads = Se as definições de vírus estão atuais
    .open-settings = Abrir o centro de segurança
    .expected-on = Atualizadas
    .found-off = Desatualizadas
    .remedy = Abra o antivírus e deixe-o atualizar-se.
check-firewall = Firewall
    .reads = Se a firewall está ativa
    .open-settings = Abrir as definições da firewall
    .remedy = Ative a firewall.
check-disk-encryption = Cifra do disco
    .reads = Se o disco do sistema está cifrado
    .open-settings = Abrir as definições de cifra
    .expected-on = O disco do sistema está cifrado
    .found-off = Não está cifrado
    .remedy = Ative a cifra do disco do sistema ou peça ao serviço de assistência que o faça.
check-updates = Atualizações do sistema
    .reads = Quando o sistema foi atualizado pela última vez
    .open-settings = Abrir as definições de atualização
    .expected-within-days = { $days ->
        [one] Atualizado no último dia
       *[other] Atualizado nos últimos { $days } dias
    }
    .found-days = { $days ->
        [one] Atualizado há um dia
       *[other] Atualizado há { $days } dias
    }
    .remedy = Abra as definições de atualização do sistema e instale o que é proposto.
check-hotfixes = Atualizações do Windows
    .reads = Que atualizações do Windows estão instaladas
    .open-settings = Abrir as definições de atualização
    .found-missing = Não instaladas
    .remedy = Abra o Windows Update e instale o que é proposto, ou peça ao serviço de assistência as atualizações em falta.
check-screen-lock = Bloqueio do ecrã
    .reads = Se o ecrã se bloqueia por si
    .open-settings = Abrir as definições de bloqueio do ecrã
    .expected-within-minutes = { $minutes ->
        [one] Bloqueia-se ao fim de um minuto, no máximo
       *[other] Bloqueia-se ao fim de { $minutes } minutos, no máximo
    }
    .found-minutes = { $minutes ->
        [one] Bloqueia-se ao fim de um minuto
       *[other] Bloqueia-se ao fim de { $minutes } minutos
    }
    .remedy = Nas definições do sistema, faça o ecrã bloquear-se por si, suficientemente cedo.
check-secure-boot = Arranque seguro
    .reads = Se o computador só arranca sistemas assinados
    .open-settings = Abrir a segurança do dispositivo
    .remedy = Ative o arranque seguro nas definições do firmware do computador ou peça ao serviço de assistência que o faça.
check-system-integrity = Proteção da integridade do sistema
    .reads = Se o macOS protege os seus próprios ficheiros contra alterações
    .remedy = Arranque o Mac em modo de recuperação, abra lá o Terminal e execute “csrutil enable”, ou peça ao serviço de assistência que o faça.
check-gatekeeper = Gatekeeper
    .reads = Se o macOS verifica os programas antes de os abrir
    .open-settings = Abrir as definições de segurança
    .remedy = Nas Definições do Sistema, em Privacidade e segurança, permita apenas programas da App Store e de programadores conhecidos.
expected-on = Ativo
expected-one-of = Um destes: { $names }
expected-all-of = Todos estes: { $names }
expected-none-of = Nenhum destes: { $names }
expected-at-least = { $name } ou mais recente
expected-supported = Uma versão que o fabricante ainda mantém
expected-within-days = { $days ->
        [one] Com um dia, no máximo
       *[other] Com { $days } dias, no máximo
    }
expected-within-minutes = { $minutes ->
        [one] Dentro de um minuto
       *[other] Dentro de { $minutes } minutos
    }
found-missing = Nada
found-other = { $name }
found-unsupported = { $name }, que o fabricante já não mantém
found-off = Inativo
found-off-named = { $name } está instalado, mas com a proteção inativa
found-snoozed = { $name } está instalado, mas com a proteção em pausa
found-expired = { $name } está instalado, mas com a licença expirada
found-days = { $days ->
        [one] Com um dia
       *[other] Com { $days } dias
    }
found-minutes = { $minutes ->
        [one] Um minuto
       *[other] { $minutes } minutos
    }
found-unavailable-not-asked = Não foi possível ler, porque ninguém o pediu
found-unavailable-not-applicable = Não foi possível ler, porque este tipo de computador não o tem
found-unavailable-not-detected = Não foi possível ler, porque não existe nada do género
found-unavailable-permission-denied = Não foi possível ler, porque o sistema não o permite
found-unavailable-timed-out = Não foi possível ler, porque o sistema não respondeu a tempo
found-unavailable-malformed = Não foi possível ler, porque a resposta do sistema não faz sentido
found-unavailable-unsupported = Não foi possível ler, porque o Praya não o consegue neste sistema

## O que foi dito deste computador

reported-title = O que foi enviado
reported-at = O Praya leu isto em { INSTANT($at) } e enviou-o ao gateway:
reported-source = lido de { $source }
reported-name = Nome
reported-version = Versão
reported-build = Compilação
reported-edition = Edição
reported-server = Sistema de servidor
reported-architecture = Arquitetura
reported-support-ends = Mantido pelo fabricante até
reported-paid-support-ends = Manutenção alargada ou paga até
reported-engine-version = Versão do motor
reported-installed = Instalado
reported-running = Em execução
reported-real-time = Analisa os ficheiros em uso
reported-definitions-version = Definições de vírus
reported-definitions-at = Definições de vírus criadas em
reported-definitions-current = Considera atuais as suas definições de vírus
reported-locks-after = Após
reported-yes = Sim
reported-no = Não
reported-instant = { INSTANT($at) }
reported-seconds = { DURATION($seconds) }
reported-snoozed = Em pausa
reported-expired = Licença expirada

## O token

token-hint = Token { $serial }, { $digits } algarismos, um código novo a cada { $step_seconds } segundos.
token-left = restam { $seconds_left } s a este código
token-left-wait = restam { $seconds_left } s a este código, é melhor aguardar pelo seguinte

## Tempos e números

duration-seconds = { $n ->
        [one] { $n } segundo
       *[other] { $n } segundos
    }
duration-minutes = { $n ->
        [one] { $n } minuto
       *[other] { $n } minutos
    }
duration-hours = { $n ->
        [one] { $n } hora
       *[other] { $n } horas
    }
duration-days = { $n ->
        [one] { $n } dia
       *[other] { $n } dias
    }
duration-two = { $large } e { $small }
decimal-separator = ,
list-separator = { "; " }
date-time = { $day2 }/{ $month2 }/{ $year } { $hour2 }:{ $minute2 }
date-time-unknown = hora desconhecida
