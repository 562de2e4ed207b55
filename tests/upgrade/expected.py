"""What this version says otherwise than the one that landed before: each by its place, and why.

Whatever else differs is a difference, and so is one of these that is met nowhere: what nothing
needs any more is to be removed, and what only some runs met would be compared in those alone.
"""

from typing import Any, Final

import msgspec


class Change(msgspec.Struct, frozen=True):
    """Lines that are others now.

    `where`: a pattern of paths, their ids as `*`. `before`, `after`: patterns of whole lines, as
    `said.py` reads answers, that follow each other; empty for none. In `after`, `%(name)s` is what
    the group of this name is in `before`. `why`: what it is good for. `always`: whether the made-up
    past has such a line each time; chance decides which answers end on the list's pages.
    """

    where: str
    before: str
    after: str
    why: str
    always: bool = True


class Judged(msgspec.Struct, frozen=True):
    """A verdict that is another one now, or an answer's status where all of a push was refused."""

    before: str
    after: str
    why: str


#: Of the pushes that the landed version could not read, in the order in which `living.py` has them.
READ_NOW: Final = (
    Judged("400", "accepted", "an address that no mail can reach costs the step nothing"),
    Judged("400", "accepted", "what no column holds of a note is left out"),
    Judged("400", "malformed", "a step that cannot be read costs no other its verdict"),
)
_WAITED: Final = "the assignment counts as begun with the first step that waited for it"
#: Of steps that were parked when the upgrade came, once their task is created: told again by the
#: device that told them, and by another one of the technician.
ACCEPTED_NOW: Final = Judged("no_authority", "accepted", _WAITED)
DUPLICATE_NOW: Final = Judged("no_authority", "duplicate", _WAITED)

_TASK: Final = r"/tasks/\*"
_API_TASK: Final = r"/api/v1/tasks/\*"
_ENTRY: Final = r"(?:day: .*\n)?<time.*\n.*\n"
_CHANGED: Final = r"(?:The customer changed the answer|Réponse modifiée)(?:\n(?!<time|day: ).*)*"
_MOMENT: Final = r"<time.*\n(?:.* ago|il y a .*)"
_LET_GO: Final = "what was claimed once is not called scheduled again when an operator lets it go"
_LISTED: Final = (
    ("Scheduled", "Being sent"),
    ("Scheduled", "Uncertain"),
    ("Prévu", "En cours d.envoi"),
    ("Prévu", "Incertain"),
)
_AWAITED: Final = (
    r"(?:No answer yet\. The survey is leaving now"
    r"|Pas encore de réponse\. Le sondage est en train de partir)",
    r"(?:No answer yet\. Whether the survey arrived is not known"
    r"|Pas encore de réponse\. On ne sait pas si le sondage est arrivé)",
)
_LEAVES: Final = (
    r"(?:No answer yet\. The survey leaves|Pas encore de réponse\. Le sondage part)\n<time.*\n"
)
_CONSOLE: Final = r"/(?:tasks|refused|devices|campaigns).*"
_ASKED: Final = "what customers ask for is listed and counted until somebody has handled it"
_WORDS: Final = "the answer page says what is left to do, until when, and asks for a number to call"
#: DD:HH:MM.
_SPAN: Final = r"\d\d:\d\d:\d\d"
_CALL: Final = "what is dialled for a phone number"
_WHEN: Final = "when a campaign asks"
_REMINDERS: Final = "a campaign says how often it reminds who has not answered; none did"
_ROUNDS_TOLD: Final = (
    "devices know which steps count for a survey; no round was opened, none sent by hand"
)
_WHICH: Final = "about which tasks a campaign asks, and the facts that say so"
_ALOUD: Final = "what a star says aloud is a label of its own, so that pages stay light"
_STAR: Final = (
    r"<input name='rating' value='(?P<value>\d)' type='radio'(?P<more>.*)>\n(?P=value)"
    r"(?:\n(?:sur|out of) 5)?"
)
_LABELLED: Final = r"<input name='rating' value='%(value)s' aria-label='%(value)s (?:sur|out of) 5"
_STAR_END: Final = r" type='radio'%(more)s>\n%(value)s"
_QUESTIONS: Final = "a campaign asks questions of any kind; all had one, of five stars"
_HOURS: Final = "quiet hours, working hours and holidays"
_FULL: Final = "an address may count as empty because its mailbox stays full"
_ADDRESSES: Final = "the suppression list, the sender and completions without address have a page"
_CAP: Final = "mute per customer, a cap by priority, and which survey kept another one back"
_CHOICE: Final = "a decision says which choice of the person kept a survey back; nobody had one"
_PERIOD: Final = "a step before a campaign's first day counts as before its activation"
_SENDS: Final = "what is to be sent is listed, cancelled, or sent again"
_MINUTE: Final = "1 minute"
_CLOSE: Final = "what is less than a minute ago or ahead is not called a minute"
_LIST: Final = "from a task one comes back to the list as one left it"
_NUMBER: Final = "the title of a task's page carries its number"
_PRIORITY: Final = "a task's priority comes first, in the reader's language"
_TIMES: Final = "when a task changed stands below its state"
_REFUSALS: Final = "navigation and page have one name"
_SETTLED: Final = "a refused step may be dismissed; none was"
_FORECAST: Final = "of a survey that waits it is said what the rules will make of it"
_FIRST: Final = "what came first, and what became of it, is said of what was not the first"
_PLANNED: Final = "a step that was not planned yet is told as it will be once it is"
_DROPPED: Final = "that a survey was dropped is said once, by the decision"
_SEARCH: Final = "the search finds technicians and addresses, too, and says what it finds"
_SENDER: Final = "of a refused step it is said who sent it, and who was responsible then"
_DECIDED: Final = "a refused step is decided on a page that says what comes of it"
_ROUNDS: Final = "return visits have rounds, and surveys may be sent by hand; none was"
_SWITCH: Final = "a pause is a campaign's or the account's, and may have lasted too long"
_PRUNED: Final = "of an answer the first version and the last 19 are kept, and how many are not"

CHANGES: Final = (
    Change(_API_TASK, "", r"\.rounds = \[\]", _ROUNDS),
    Change(
        _API_TASK,
        "",
        r"\.result\.(?:lead_kind = (?:'stars'|None)|nps = None|sentiment = .*)",
        _QUESTIONS,
    ),
    Change(
        _API_TASK,
        "",
        r"\.timeline\[\d+\]\.(?:further = \{\}|lead_kind = 'stars')",
        _QUESTIONS,
    ),
    Change(
        _API_TASK, "", r"\.timeline\[\d+\]\.(?:round = 1|request(?:ed_by|_reason) = None)", _ROUNDS
    ),
    Change(
        _TASK,
        "",
        r"<a href='/tasks/[0-9a-f-]+/survey'>\n(?:Send a survey by hand|Envoyer un sondage .*)"
        r"\n<a href='/tasks/[0-9a-f-]+/round'>\n(?:New visit round|Nouvelle visite)",
        _ROUNDS,
    ),
    Change(
        "/campaigns",
        "",
        r"<a href='/campaigns/sending'>\n(?:(?:Stop all|All) sending|.*ous les envois)",
        _SWITCH,
    ),
    Change(
        _TASK,
        "(?P<head>.*)(?:[Tt]he campaign was|[Ll]a campagne était) (?P<then>(?:paused|en pause) .*)",
        "%(head)s(?:[Ss]ending was|[Ll]es envois étaient) %(then)s, (?:or|ou) .*",
        _SWITCH,
    ),
    Change(
        _TASK,
        rf"(?:{_LEAVES}(?:.* ago|il y a .*)\n\.|(?:No answer yet|Pas encore de réponse)\. .*)",
        r"(?:No answer yet\. The survey will not leave: its campaign is archived, or"
        r"|Pas encore de réponse\. Le sondage ne partira pas : sa campagne est archivée, ou).*"
        r"(?:\n(?:It is planned for|Il est prévu pour) .+)?",
        _SWITCH,
        always=False,
    ),
    Change(
        "/tasks",
        r"(?:Being sent|En cours d.envoi|Scheduled|Prévu|Uncertain|Incertain)(?:\n<time.*\n.+)?",
        r"(?:Will not leave|Ne partira pas)\n(?:campaign stopped|campagne arrêtée)",
        _SWITCH,
        always=False,
    ),
    Change(
        "/tasks",
        "(?:campaign paused|campagne en pause)",
        "(?:sending paused|envois en pause)",
        _SWITCH,
    ),
    Change(
        _TASK,
        "",
        r"(?:(?:Contact of the task|Contact de la tâche)\n)?"
        r"(?:<a href='tel:[+\d]+(?:;ext=\d+)?'>\n[\d ().+-]+(?: (?:ext\.|poste) \d+)?|\S+@\S+)",
        "whom to reach stands with the customer, the place and the task",
    ),
    Change(
        _TASK,
        "(?P<campaign>.+) · départ (?P<when>le .*)",
        "%(campaign)s · prévu pour %(when)s",
        "a decision says when its survey was planned, whatever became of it",
    ),
    Change(
        _TASK,
        "(?:Nothing has happened yet|Rien ne s.est encore passé).*",
        "(?:Created on|Créée le) .*: .*",
        "a timeline without steps begins with the task",
    ),
    Change(
        _TASK,
        "(?:Refused at first, accepted|Refusée d.abord, acceptée) (?P<by>.+)",
        r"(?:Refused at first, accepted|Refusée d.abord, puis acceptée) %(by)s"
        r"|Received on .* and refused; accepted %(by)s on .*"
        r"|Reçue le .* et refusée; acceptée %(by)s le .*",
        "of a step that was accepted later it is said when it came and when it began to count",
    ),
    Change(
        _TASK,
        r"(?:Received|Reçu) (?P<late>.*)(?: later, after a time without network"
        r"| plus tard, après un moment sans réseau)",
        "(?:Entered|Inscrite) %(late)s (?:later|plus tard)",
        "a step of the console came late without a network's being at fault",
    ),
    Change(
        _TASK,
        "",
        r"(?:The first one:|Le premier passage :)\n\d{3}\n.+\n.+ . .+",
        _FIRST,
    ),
    Change(
        _TASK,
        r"(?:It was not the first visit|Ce n.était pas le premier passage).*\nnot_first",
        r".+\n(?!not_first)[a-z_]+",
        _FIRST,
    ),
    Change(
        _TASK,
        r"(?P<answered>(?:The customer (?:answered|changed)|Réponse (?:reçue|modifiée)).*)\n"
        r"(?:Asks to be called back|Demande un rappel|Says .*|Dit que .*)",
        "%(answered)s",
        "what the last answer asks for stands above, with the follow-ups",
    ),
    Change(_TASK, "", "(?:To .+, as things are|À .+, si rien ne change).", _FORECAST),
    Change(
        _TASK,
        rf"{_LEAVES}.+\n\.",
        r"(?:No answer yet\. The survey will not leave: |Pas encore de réponse\. Le sondage ne "
        r"partira pas : ).+\n(?:It is planned for|Il est prévu pour) .+",
        _FORECAST,
    ),
    Change(
        _TASK,
        r"(?:No survey for this task so far|Aucun sondage pour cette tâche jusqu.ici)\.",
        rf"{_LEAVES}.+\n\.",
        _PLANNED,
    ),
    Change(
        _TASK,
        r"(?P<none>(?:No survey for this task so far|Aucun sondage pour cette tâche jusqu.ici)\.)",
        r"%(none)s\n.+\n[a-z_]+",
        _PLANNED,
    ),
    Change(
        _TASK,
        r"(?:(?:No survey was sent for|Aucun sondage n.a été envoyé pour).*\n.+\n[a-z_]+"
        r"|(?:No survey: the mail server refused|Pas de sondage : le serveur de courriel a refusé)"
        r".*\n\d{3} .+"
        r"|(?:No answer yet\. The survey was sent|Pas encore de réponse\. Le sondage est parti)\n"
        r"<time.*\n.+\n\.)",
        r"(?:(?:No answer yet\. The survey waits: its campaign is paused"
        r"|Pas encore de réponse\. Le sondage attend : sa campagne est en pause)\..*"
        r"|(?:No answer yet\. The survey will not leave: its campaign is archived, or"
        r"|Pas encore de réponse\. Le sondage ne partira pas : sa campagne est archivée, ou).*"
        r"\n(?:It is planned for|Il est prévu pour) .+)",
        _PLANNED,
    ),
    Change(
        _TASK,
        r"(?P<when><time.*\n.+)\n.+\n(?P<reason>[a-z_]+)\n(?P<campaign>.+)\n"
        r"(?P=when)\n(?:Survey not sent|Sondage non envoyé)\ndropped\n(?P=campaign) · .+",
        r"%(when)s\n.+\n%(reason)s\n%(campaign)s",
        _DROPPED,
    ),
    Change(
        "/tasks",
        r"(?:Scheduled|Prévu)\n<time.*\n.+",
        r"(?:Will not leave|Ne partira pas)\n.+",
        _FORECAST,
    ),
    Change("/tasks", "(?:not the first time|pas la première fois)", r"[^<\d].+", _FIRST),
    Change(
        "/tasks",
        "(?:Task, customer, place or number|Tâche, client, emplacement ou numéro)",
        "(?:Task, number, type, .*|Tâche, numéro, type, .*)",
        _SEARCH,
    ),
    Change(
        "/tasks",
        "(?:Try fewer words|Essayez moins de mots).*",
        r"(?:A part of a word|Une partie de mot).*\n(?:The search looks|La recherche porte).*",
        _SEARCH,
    ),
    Change(
        "/refused",
        r"(?:Refused and waiting|Refus et attentes)(?P<end>.*)",
        r"(?:Refusals|Refus)%(end)s",
        _REFUSALS,
    ),
    Change("/refused", "(?:Refused|Refus)", r"(?:To decide|À décider)(?:\n[\d+]+)?", _REFUSALS),
    Change(
        "/refused",
        "",
        r"(?:[\d+]+\n)?<a href='/refused\?show=dismissed'>\n(?:Dismissed|Écartées)",
        _SETTLED,
    ),
    Change(
        "/refused",
        "(?:Technician|Responsable)",
        r"(?:Sent by\nResponsible then|Envoyée par\nResponsable à ce moment)",
        _SENDER,
    ),
    Change("/refused", "", "(?:Sent by|Envoyée par)", _SENDER),
    Change("/refused", "", r"(?:Responsible then|Responsable à ce moment)\n.+", _SENDER),
    Change("/refused", "(?:Accept|Accepter)", "(?:Decide|Décider)", _DECIDED),
    Change(
        "/refused",
        r"(?:no_authority\n(?:If the work was|Si le travail a).*"
        r"|unknown_state\n(?:Create the state first|Créez d.abord l.état).*|parked)",
        "",
        "a reason is said in words; what accepting would do stands where one decides",
    ),
    Change(
        "/refused",
        r"(?:<form action='(?P<step>/refused/.*)/accept' method='post'>\n<button .*>\n"
        "(?:Accept|Accepter))",
        r"<a href='%(step)s' aria-label='.*'>\n(?:Decide|Décider)",
        _DECIDED,
    ),
    Change(
        "/refused",
        "",
        r"<a href='/refused/[0-9a-f-]+' aria-label='.*'>\n(?:Decide|Look|Décider|Voir)",
        _DECIDED,
    ),
    Change("/refused", "", "(?:Decide|Décider)", _DECIDED),
    Change(_CONSOLE, "", r"<a href='/sends'>\n(?:Surveys to come|Sondages à venir)", _SENDS),
    Change(
        _TASK,
        "",
        r"<a href='/sends/.+'>\n"
        r"(?:Cancel the survey|Send the survey again|Annuler le sondage|Envoyer le sondage .+)",
        _SENDS,
    ),
    Change(_API_TASK, "", r"\.timeline\[\d+\]\.by = None", _SENDS),
    Change(
        "/tasks",
        "",
        r"\d{3}\n.+\n<time.*\n.+\n<a href='/tasks/[0-9a-f-]+\?list=q%3D17'>\n.+\n"
        r"(?:(?!\d{3}\n|<a ).+\n){1,6}?Personne 17(?:\n(?:Sent|Envoyé)\n<time.*\n.+)?",
        _SEARCH,
    ),
    Change(r"/.*", "Refused", "Refusals", _REFUSALS),
    Change(_API_TASK, "", r"\.timeline\[\d+\]\.arrived_at = '.*'", "when a step first arrived"),
    Change(
        _API_TASK,
        "",
        r"\.timeline\[\d+\]\.dismissed_at = None\n\.timeline\[\d+\]\.dismissed_by = None\n"
        r"\.timeline\[\d+\]\.dismissed_reason = None",
        _SETTLED,
    ),
    Change("/api/v1/refused", "", r"\.items\[\d+\]\.dismissed_at = None", _SETTLED),
    Change(
        _TASK,
        "",
        r"<a href='/refused\?show=(?:refused|parked)&task=.*'>\n"
        "(?:See it among the refusals|Voir parmi les refus)",
        "a step that is not accepted leads to where that is decided",
    ),
    Change(_TASK, "Changed", "Created", "what never moved has not changed"),
    Change(_TASK, "Modifiée", "Créée", "what never moved has not changed"),
    Change(
        _TASK,
        "",
        r"<a href='/tasks\?q=.*'>\n(?:Tasks with this name|Tâches à ce nom)",
        "a customer leads to their other tasks",
    ),
    Change(
        r"/api/v1/customers",
        "",
        r"\.items\[\d+\]\.(?:account_manager = None|active = True|tags = \[\]|unit = None)",
        "customers have them from this version on; of those there were nothing is known",
    ),
    Change(
        r"/api/v1/tokens",
        "",
        r"\.items\[\d+\]\.(?:expires_at = '.*Z'|last_used_at = None)",
        "tokens expire, those there were in a year, and say when they were used",
    ),
    Change(_API_TASK, "", r"\.earlier = None", "a timeline comes in pages"),
    Change(
        _API_TASK,
        "",
        r"\.timeline\[\d+\]\.before_task = False",
        "a step may be older than its task; none was",
    ),
    Change(
        _API_TASK,
        r"(?P<email>\.timeline\[\d+\]\.email) = None",
        r"%(email)s = None\n%(email)s_usable = False",
        "an address that was captured may be one that no mail can reach",
    ),
    Change(
        _API_TASK,
        r"(?P<email>\.timeline\[\d+\]\.email = '.*@.*')",
        r"%(email)s\n\.timeline\[\d+\]\.email_usable = True",
        "an address that was captured may be one that no mail can reach; those there were could",
    ),
    Change(_API_TASK, "", r"\.timeline\[\d+\]\.dropped = [05]", _PRUNED),
    Change(
        _TASK,
        rf"(?:{_ENTRY}{_CHANGED}\n){{5}}(?P<kept>{_ENTRY}(?:The customer changed|Réponse modif).*)",
        r"(?:day: .*\n)?%(kept)s\n"
        r"5 versions (?:before this one are not kept|avant celle-ci ne sont pas conservées)",
        _PRUNED,
    ),
    Change(
        _TASK,
        "",
        r"(?:Address captured: |Adresse notée : ).*@.*",
        "the page says which address a step captured",
    ),
    Change(_TASK, r"\((?:optional|facultatif)\)", "", "no survey needs a reason"),
    Change(
        rf"{_TASK}|/s/.*",
        r"(?P<street>.*\d+, rue Principale) Alma",
        r"%(street)s, Alma",
        "the lines of an address stand on one line with commas between them",
    ),
    Change(
        _TASK,
        r"(?P<head>.*)the address unsubscribed, or mail to it bounced",
        r"%(head)sthe address unsubscribed, mail to it bounced, or its mailbox stays full",
        _FULL,
    ),
    Change(
        _TASK,
        r"(?P<head>.*)l.adresse s.est désabonnée, ou un courriel en est revenu",
        r"%(head)sl.adresse s.est désabonnée, un courriel en est revenu, ou sa boîte reste pleine",
        _FULL,
    ),
    *(Change("/tasks", rf"{was}\n{_MOMENT}", comes, _LET_GO) for was, comes in _LISTED),
    *(
        Change(_TASK, rf"{_LEAVES}(?:.* ago|il y a .*)\n\.", rf"{comes}\.", _LET_GO)
        for comes in _AWAITED
    ),
    Change(_CONSOLE, r"Menu(?:\n\d+)?", r"Menu\n[\d+]+", _ASKED),
    Change(_CONSOLE, "", r"<a href='/follow-ups'>\n(?:Follow-ups|Suivis)(?:\n[\d+]+)?", _ASKED),
    Change(_CONSOLE, "", r"<a href='/addresses'>\n(?:Addresses|Adresses)", _ADDRESSES),
    Change(
        "/tasks",
        "",
        r"(?:Asks to be called back|Demande un rappel)\n(?:No number was given|Aucun numéro donné)",
        _ASKED,
    ),
    Change("/tasks", "", "(?:To read|À lire|To handle|À traiter)", _ASKED),
    Change("/tasks", "(?:Answered|Répondu)", "(?:Disputed|Contesté)", _ASKED, always=False),
    Change(_TASK, "", r"(?:Follow-ups|Suivis)(?:\n(?!Result\n|Résultat\n).*)+", _ASKED),
    Change(_TASK, rf"(?:Asks to be called back|Demande un rappel) ·\n{_MOMENT}", "", _ASKED),
    Change(_API_TASK, "", r"\.timeline\[\d+\]\.phone = ''", _ASKED),
    Change(_API_TASK, "", r"\.timeline\[\d+\]\.choice = None", _CHOICE),
    Change(
        "/s/.*",
        "",
        r"(?:out of 5|sur 5|Somebody .*|Une personne .*|You may answer .*|Vous pouvez répondre .*)",
        _WORDS,
    ),
    Change(
        "/s/.*",
        "",
        r"(?:At which number|À quel numéro).*\n<input .*type='tel'.*>\n"
        r"(?:With the area code|Avec l.indicatif).*",
        _WORDS,
    ),
    Change(
        "/s/.*",
        r"(?:Qu.est-ce qui n.a pas été.*|optional|facultatif|Send my answer|Envoyer ma réponse"
        r"|You answered .*|Vous avez répondu .*|Thank you|Merci|Your answer is.*"
        r"|Votre réponse est.*|We noted .*|C.est noté.*)",
        r"(?:Qu.est-ce qui n.allait pas.*|\(optional\)|\(facultatif\)|Save the change"
        r"|Enregistrer la modification|You said .*|Vous avez indiqué .*|Thank you.*|Merci.*"
        r"|Your answer is.*|Votre réponse est.*|We noted .*|C.est noté.*)",
        _WORDS,
    ),
    Change(
        "/s/.*",
        r"<button name='not_me' value='yes'>\n(?:This visit was not mine|Ce n.était pas moi)",
        r"(?:<button name='not_me' value='ask'>\n(?:That wasn.t me|Ce n.était pas moi))?",
        "that it was somebody else is asked once more before it counts",
    ),
    Change(
        "/u/.*",
        r"(?P<head>.* (?:surveys to|sondages à|satisfaction à) \S+@\S+\.)"
        r"(?: (?:Messages about your visits are|Les messages au sujet de vos visites ne sont).*)?",
        r"%(head)s(?: (?:This does not affect|Cela ne change rien aux).*"
        r"|\n(?:Was it a mistake|Était-ce une erreur).*\n<form .*/again.*>\n.*(?:again|réabonner))",
        "who unsubscribed by mistake comes back; what stays is said in plain words",
    ),
    Change(
        "/u/.*",
        r".* (?:satisfaction surveys to|sondages de satisfaction à) \S+@\S+\. .*\n"
        r"(?P<form><form .*>)\n(?:Unsubscribe|Se désabonner)",
        r".* (?:sends satisfaction surveys|envoie des sondages de satisfaction) .*"
        r"(?:\n%(form)s\n<button name='choice' value='(?:all|campaign|quarter)'>\n.*){3}",
        "the page to unsubscribe offers less than to leave all surveys",
    ),
    Change(
        "/u/.*",
        "(?:This link is no longer|Ce lien n.est plus|The survey may be|Le sondage est peut).*",
        "(?:This unsubscribe link|Ce lien de désabonnement|The address may|L.adresse du lien).*",
        "a link to leave that is not known has words of its own",
    ),
    Change("/api/v1/sync/pull", "", r"\.changes\[\d+\]\.call = (?:None|'tel:.*')", _CALL),
    Change(
        r"/api/v1/sync/rxdb/(?:customers|locations)/pull",
        "",
        r"\.documents\[\d+\]\.call = (?:None|'tel:.*')",
        _CALL,
    ),
    Change(
        "/api/v1/sync/watermelon/pull",
        "",
        r"\.changes\.(?:customers|locations)\.updated\[\d+\]\.call = (?:None|'tel:.*')",
        _CALL,
    ),
    Change(
        r"/.*",
        rf"(?P<head>.*)(?:{_MINUTE} ago|in {_MINUTE}|il y a {_MINUTE}|dans {_MINUTE})(?P<end>.*)",
        "%(head)s(?:just now|in a moment|à l.instant|dans un instant)%(end)s",
        _CLOSE,
    ),
    Change("/tasks", "(?:Changed|Modifiée)", "", _TIMES),
    Change("/tasks", r"(?P<link><a href='/tasks/[0-9a-f-]+)'>", r"%(link)s\?list=.*'>", _LIST),
    Change(
        "/tasks",
        "",
        r"<a href='/tasks\?.*before=.*' rel='prev'>\n"
        "(?:Show newer tasks|Afficher les tâches plus récentes)",
        "a list leads back, too",
    ),
    Change(
        rf"/tasks|{_TASK}",
        "(?:Nobody|Personne)",
        "(?:Not assigned|Non assignée)",
        "a task that nobody has is not assigned",
    ),
    Change(
        "/tasks",
        "(?:Refused by the mail server|Refusé par le serveur de courriel)",
        "(?:Mail refused|Courriel refusé)",
        "a status of the list is short",
    ),
    Change(_TASK, r"(?P<title>.+ . Retour)", r".+ %(title)s", _NUMBER),
    Change(_TASK, r"(?P<title>.+)\n(?P<code>\d{3})", r".+\n%(title)s\n%(code)s", _NUMBER),
    Change(_TASK, r"(?:Priority|Priorité)\n.+", "", _PRIORITY),
    Change(
        _TASK,
        "",
        r"(?:Priority|Priorité)\n(?:Low|Normal|High|Urgent|Basse|Normale|Haute|Urgente)",
        _PRIORITY,
    ),
    Change(
        r"/campaigns(?:/\*)?",
        "",
        r"<a href='/decisions(?:\?campaign=[0-9a-f-]+)?'>\n"
        r"(?:Who was asked, and why not|Qui a été sondé, qui ne l.a pas été, et pourquoi)",
        "a page says who was asked, and why not",
    ),
    Change(r"/campaigns/\*", "Envoi au nom de", "Expéditeur", "a label that says it by itself"),
    Change(
        r"/campaigns/\*",
        "",
        r"<a href='/campaigns/[0-9a-f-]+/replay'>\n"
        r"(?:What it would have sent|Ce qu.elle aurait envoyé)",
        "a campaign says what it would have sent",
    ),
    Change(
        r"/campaigns/\*",
        "(?:None: as soon as the task|Aucun : dès la réception de la tâche).*",
        "(?:None: as soon as the step|Aucun : dès la réception de l.étape).*",
        "a campaign waits for the step, which may come long after the task",
    ),
    Change(
        "/api/v1/sync/(?:pull|rxdb/task_types/pull)",
        "",
        rf"\.(?:changes|documents)\[\d+\]\.asks\[\d+\]\.(?:delay|mute) = (?:None|'{_SPAN}')",
        _WHEN,
    ),
    Change(
        "/api/v1/sync/(?:pull|rxdb/task_types/pull)",
        "",
        r"\.(?:changes|documents)\[\d+\]\.asks\[\d+\]\.delay_in = 'elapsed'",
        _HOURS,
    ),
    Change("/s/.*", _STAR, rf"{_LABELLED}'{_STAR_END}", _ALOUD),
    Change("/s/.*", rf"{_STAR}\n(?P<word>[^<\n]+)", rf"{_LABELLED} %(word)s'{_STAR_END}", _ALOUD),
    Change("/api/v1/campaigns", "", r"\.items\[\d+\]\.definition\.delay_in = 'elapsed'", _HOURS),
    Change(
        "/api/v1/campaigns",
        "",
        r"\.items\[\d+\]\.definition\.(?:comment_required_at = None|from_bank = None"
        r"|further = \[\]|measure_nps = False|positive_at = 4"
        r"|question\.(?:kind = 'stars'|look\.style = 'plain')"
        r"|page\.(?:intro = \{\}|thanks = \{\}|redirect_url = None|closes_with_task = False))",
        _QUESTIONS,
    ),
    Change("/api/v1/locations", "", r"\.items\[\d+\]\.region = None", _HOURS),
    Change(
        "/api/v1/campaigns",
        "",
        r"\.items\[\d+\]\.definition\.(?:mute_per = 'address'|priority = 5)",
        _CAP,
    ),
    Change(
        r"/campaigns/\*",
        r"(?P<mute>(?:Mute window|Période de silence)\n.*)",
        r"%(mute)s(?: for an address| pour une adresse)?\n(?:Priority|Priorité)\n"
        r"(?:5 of 9|5 sur 9)\n<a href='/calendar#cap'>\n"
        r"(?:How often an address is asked|Fréquence des sondages par adresse)",
        _CAP,
    ),
    Change(
        _TASK,
        "(?P<start>.*)(?:[Tt]his address was already asked within the mute window"
        "|[Cc]ette adresse a déjà été sondée pendant la période de silence)(?P<end>.*)",
        "%(start)s(?:[Tt]he address, or the customer, was already asked within the campaign.s mute"
        " window|[Ll].adresse ou le client a déjà été sondé pendant la période de silence de la"
        " campagne)%(end)s",
        _CAP,
    ),
    Change(
        _TASK,
        "(?P<start>.*)(?P<was>[Ii]t happened before the campaign was activated"
        "|[Ll]e passage a eu lieu avant l.activation de la campagne)(?P<end>.*)",
        r"%(start)s%(was)s(?:, or before its first day| ou avant son premier jour)%(end)s",
        _PERIOD,
    ),
    Change(
        _API_TASK, "", r"\.timeline\[\d+\]\.kept_back_by(?:_task|_title|_sent_at)? = None", _CAP
    ),
    Change(
        _CONSOLE,
        "",
        "<a href='/calendar'>\n(?:Calendar|Calendrier)",
        _HOURS,
    ),
    Change(
        "/api/v1/sync/watermelon/pull",
        r"(?P<told>.*\.asks = '\[{.*\"may_untick\":(?:true|false))}\]'",
        rf'%(told)s,"delay":"{_SPAN}","delay_in":"elapsed","mute":(?:null|"{_SPAN}"),'
        r'"criteria":null,"sampled":false,"starts_at":null,"ends_at":null}\]\'',
        _WHEN,
    ),
    Change(
        "/api/v1/sync/(?:pull|rxdb/task_types/pull)",
        "",
        r"\.(?:changes|documents)\[\d+\]\.asks\[\d+\]\."
        r"(?:(?:criteria|starts_at|ends_at) = None|sampled = False)",
        _WHICH,
    ),
    Change(
        "/api/v1/sync/(?:pull|rxdb/(?:tasks|customers)/pull)",
        "",
        r"\.(?:changes|documents)\[\d+\]\.(?:account_manager = (?:None|'.*')|tags = \[\])",
        _WHICH,
    ),
    Change(
        "/api/v1/sync/(?:rxdb/tasks/|watermelon/)?pull",
        "",
        r"\.(?:changes\[\d+\]|documents\[\d+\]|changes\.tasks\.updated\[\d+\])"
        r"\.(?:round_opened_at = None|sent_by_hand = (?:\[\]|'\[\]'))",
        _ROUNDS_TOLD,
    ),
    Change(
        "/api/v1/sync/watermelon/pull",
        "",
        r"\.changes\.(?:tasks\.updated\[\d+\]\.account_manager = (?:None|'.*')"
        r"|customers\.updated\[\d+\]\.tags = '\[\]')",
        _WHICH,
    ),
    Change(
        "/api/v1/campaigns",
        "",
        r"\.items\[\d+\]\.definition\.reminder(?:s = 0|_days = 7)",
        _REMINDERS,
    ),
    Change(r"/campaigns/\*", "", r"(?:Reminders\nNone|Rappels\nAucun)", _REMINDERS),
    Change(
        "/api/v1/campaigns",
        "",
        r"\.items\[\d+\]\.definition\.(?:criteria\.[a-z_]+ = \[\]|sample_percent = 100"
        r"|(?:first|last)_day = None)",
        _WHICH,
    ),
    Change(
        r"/campaigns/\*",
        "",
        r"(?:Which tasks|Quelles tâches)\n(?:Criteria|Critères)\n(?:None|Aucun).*\n"
        r"(?:Sample\nAll of them|Échantillon\nToutes)\n(?:Period|Période)\n.*",
        _WHICH,
    ),
    Change(
        "/api/v1/sync/push",
        r"(?P<id>\.results\[\d+\]\.id) = '(?P<a>\w{8})-(?P<b>\w{4})-(?P<c>\w{4})-(?P<d>\w{4})-"
        r"(?P<e>\w{12})'",
        r"%(id)s = '%(a)s-?%(b)s-?%(c)s-?%(d)s-?%(e)s'",
        "an id is answered as it was sent",
    ),
)

#: What is another one each time that a page is read, in either version.
MADE_ANEW: Final[dict[tuple[str, str], str]] = {
    ("/tasks/*", "input name=id"): "the id of the next step, so that sending it twice is once",
}

#: Columns that are gone on purpose, by table, where no pair of `translations.py` reads the table.
GONE_COLUMNS: Final[dict[tuple[str, str], str]] = {
    ("outbox", "unsubscribe_token"): "the link to leave is made of the survey's",
}

#: Versions of an answer that are kept behind the first one.
_KEPT: Final = 19


def without_left_out(told: Any) -> Any:
    """A task as the API told it, without what is not listed any more.

    Of each answer the first version and the last 19 are kept: a change a second would fill a disk.
    That a survey was dropped is left out where a decision says it.
    """
    if not isinstance(told, dict) or "timeline" not in told:
        return told
    entries = told["timeline"]
    last: dict[str, int] = {}
    for entry in entries:
        if entry["kind"] == "answer":
            last[entry["invitation"]] = max(entry["version"], last.get(entry["invitation"], 0))
    decided = {
        (entry["campaign"], entry["outcome"], entry["at"])
        for entry in entries
        if entry["kind"] == "decision"
    }
    kept = [
        entry for entry in entries if not (_is_pruned(entry, last) or _is_dropped(entry, decided))
    ]
    return {**told, "timeline": kept}


def _is_pruned(entry: dict[str, Any], last: dict[str, int]) -> bool:
    if entry["kind"] != "answer":
        return False
    return bool(1 < entry["version"] <= last[entry["invitation"]] - _KEPT)


def _is_dropped(entry: dict[str, Any], decided: set[tuple[str, str, str]]) -> bool:
    """Whether this is a drop that one of the decisions in `decided` says."""
    if (entry["kind"], entry.get("event")) != ("mail", "dropped"):
        return False
    return (entry["campaign"], entry["detail"], entry["at"]) in decided
