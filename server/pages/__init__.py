"""Pages for people: the console, the answer page, the mailbox."""

from collections.abc import Sequence

from litestar.types import ControllerRouterHandler

from server.pages.console import campaigns, entry, mailbox, tasks
from server.pages.customer import survey, unsubscribing
from server.pages.statics import static_file

#: What `server.app` routes, beside the API.
ROUTES: Sequence[ControllerRouterHandler] = (
    static_file,
    entry.front,
    entry.login_form,
    entry.login,
    entry.logout,
    tasks.task_list,
    tasks.task_page,
    campaigns.campaign_list,
    campaigns.campaign_page,
    mailbox.mailbox,
    mailbox.messages,
    mailbox.message,
    mailbox.letter,
    survey.survey_page,
    survey.answer_survey,
    survey.thanks_page,
    unsubscribing.unsubscribe_page,
    unsubscribing.unsubscribe,
)
