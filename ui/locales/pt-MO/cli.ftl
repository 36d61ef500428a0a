### O que a linha de comandos diz além dos textos comuns; as convenções estão em en/cli.ftl.

## Erros e indicações

cli-usage-error = erro: { $text }
cli-no-terminal = não há terminal onde perguntar; dê as respostas com --answers-stdin
cli-no-profile = ainda não se conhece nenhum gateway; indique um com --gateway URL
cli-several-profiles = conhecem-se vários gateways; escolha um com --profile NAME
cli-unexpected-answer = o serviço deu uma resposta de outro tipo

## O que fazer, com os comandos que o fazem

cli-remedy-sign-in-expired = Comece de novo com: praya login
cli-remedy-unexpected-answer = Comece de novo com: praya login
cli-remedy-session-ended = Inicie sessão com: praya login
cli-remedy-not-signed-in = Inicie sessão com: praya login
cli-remedy-name-not-found = Verifique o endereço e a rede deste computador, ou execute: praya doctor
cli-remedy-unreachable = Verifique a rede deste computador, ou execute: praya doctor
cli-remedy-unknown-gateway =
    Compare-a com a chave publicada pela sua organização e não com algo que tenha obtido pelo caminho.
    Se forem iguais, execute o comando novamente com: --pin KEY
cli-remedy-service-unavailable = Inicie-o com: sudo prayad
cli-remedy-version-mismatch = Atualize ambos e reinicie o serviço.
cli-remedy-tunnel-up = Desligue-o primeiro com: praya disconnect, ou termine a sessão com: praya logout
cli-remedy-no-tun-device = O serviço precisa de /dev/net/tun e do direito de gerir redes (CAP_NET_ADMIN).
cli-remedy-network-setup = Execute: praya doctor
cli-remedy-no-such-resource = Veja os nomes com: praya resources
cli-remedy-no-such-profile = Veja os nomes com: praya profile list
cli-remedy-profile-taken = Escolha outro nome. Para trocar o seu próprio gateway com exatamente esse nome, repita com: --replace
cli-remedy-already-signed-in = Veja-a com: praya status. Termine-a com: praya logout
cli-remedy-in-use-by-another = Peça-lhe que execute: praya logout
cli-doctor-remedy-name-not-found = Verifique o endereço e a rede deste computador.
cli-doctor-remedy-unreachable = Verifique a rede deste computador.
cli-doctor-remedy-network-setup = Reponha a rede com: sudo praya reset-network

## Início de sessão

cli-still-signed-in = Ainda tem sessão iniciada; não há nada a fazer.
cli-signed-in-otherwise = Ainda tem sessão iniciada. Para iniciar outra, execute primeiro: praya logout
cli-signed-in-as = Ainda tem sessão iniciada como { $account } em { $gateway }. Para iniciar outra, execute primeiro: praya logout
cli-tunnel-late = Sessão iniciada. O túnel ainda não está ativo, a tentar ...
cli-session-stays = Tem sessão iniciada, e o serviço continua a estabelecer o túnel. Veja: praya status
cli-ask-account = Conta:
cli-ask-password = Palavra-passe:
cli-ask-password-of = Palavra-passe de { $account }:
cli-ask-code = Código:
cli-ask-answer = Resposta:
cli-ask-field = { $label }:
cli-new-password-due = É necessária uma nova palavra-passe.
cli-ask-new-password = Nova palavra-passe:
cli-ask-repeat-password = Nova palavra-passe outra vez:
cli-ask-present-password = Palavra-passe atual:
cli-rules = Tem de cumprir:
cli-once-more = Ainda não; nada foi enviado. Mais uma vez.
cli-take-over = Terminar essa sessão e continuar aqui? [s/N]
    .yes = s sim y yes replace
cli-elsewhere = Esta conta já tem sessão iniciada:

## O que foi feito

cli-cancelled = Cancelado.
cli-change-unknown = Deixou de se aguardar. A nova palavra-passe foi enviada; o próximo início de sessão mostra se está em vigor.
cli-password-changed = A palavra-passe foi alterada.
cli-logged-out = Sessão terminada. O túnel está desligado.
cli-telling-gateway = Sessão terminada aqui. A informar o gateway ...
cli-connecting = O túnel está a ser estabelecido. Veja: praya status
cli-disconnected = O túnel está desligado, a sessão mantém-se. Ligue-o com: praya connect
cli-profile-added = Guardado.
cli-profile-removed = Removido.
cli-no-profiles = Não há nenhum gateway guardado. Adicione um com: praya profile add NAME --gateway URL
cli-shared = para todos neste computador
cli-no-resources = Não há nada publicado para si.
cli-opened = { $name } foi aberto.
cli-open-yourself = Não foi possível iniciar um navegador. Abra este endereço manualmente: { $address }
cli-use-rdp = Ligue o seu programa de ambiente remoto a: { $address }
cli-use-ssh = Num terminal: ssh { $address }
cli-use-file-share = No gestor de ficheiros: { $address }
cli-status-stopped = A sessão continua.

## A rede reposta

cli-nothing-to-reset = Nada do Praya resta na rede deste computador.
cli-network-reset = A rede está como antes de o Praya a alterar.
cli-network-partly-reset = Algumas alterações do Praya não puderam ser desfeitas:
cli-network-perhaps-reset = O que se conhece das alterações do Praya foi desfeito.
cli-reset-needs-root = Só o root pode repor a rede; execute: sudo praya reset-network
cli-not-reset = Não foi possível repor a rede: { $why }.
cli-left-alone = deixado como está, alterado por outrem: { $what }
cli-not-undone = não desfeito: { $what }
cli-journal-damaged =
    O registo de alterações estava danificado e foi guardado como { $path }:
    procure nele definições ainda em vigor, reponha-as manualmente e apague-o.

## Estado

cli-label-note = Nota
cli-label-retry = Próxima tentativa
cli-label-ended = Terminada
cli-label-problem = Problema
cli-label-warning = Aviso
cli-within = dentro de { DURATION($seconds) }

## Diagnóstico

cli-doctor-good = bem
cli-doctor-warning = aviso
cli-doctor-bad = FALHA
cli-doctor-skipped = -
cli-check-service = Serviço
cli-check-service-checks = Verificações
cli-check-tun-device = Dispositivo do túnel
cli-check-leftovers = Restos
cli-check-journal = Restos
cli-check-dns = Servidores de nomes
cli-check-route = Rotas
cli-check-clock = Relógio
cli-check-gateway-name = Nome do gateway
cli-check-gateway-reachable = Gateway
cli-check-gateway-tls = Chave do gateway
cli-check-session = Sessão
cli-check-resume = Retoma
cli-service-answers = prayad { $version } responde
cli-no-service = sem resposta
cli-not-looked = o serviço não verificou
cli-no-tun = falta /dev/net/tun
cli-leftovers = o serviço parou sem limpar; inicie-o, ou execute: sudo praya reset-network
cli-no-leftovers = nada ficou para trás
cli-not-allowed-to-look = só o root pode ver

## A verificação do computador

cli-check-again = Verificar de novo? [S/n]
    .no = n não nao
cli-posture-intro = Isto é o que o Praya lê deste computador. Um gateway recebe disso o que a sua política pede, e nada mais.
cli-posture-nothing-sent = Nada foi enviado deste computador.
cli-posture-see-sent = O que foi enviado deste computador, noutro terminal: praya check --sent
cli-posture-again = O gateway verifica de novo este computador. Veja: praya status
cli-posture-part = { $name }: { $value }
cli-posture-asks-nothing = «{ $policy }» não pede nada a este computador.
cli-posture-met = «{ $policy }» deixaria entrar este computador.
cli-posture-met-with-warnings = «{ $policy }» deixaria entrar este computador, e diria o que há a corrigir:
cli-posture-limited = «{ $policy }» deixaria este computador aceder apenas a alguns recursos:
cli-posture-refused = «{ $policy }» não deixaria entrar este computador:
cli-posture-bad-policy = Não foi possível ler a política { $path }: { $why }.
cli-label-requirement = Não cumprido
