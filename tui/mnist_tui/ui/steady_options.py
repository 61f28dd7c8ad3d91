"""A list whose lines may be replaced at any time: a click still chooses the one that it hit."""

from textual import events
from textual.strip import Strip
from textual.widgets import OptionList

_ID = "option_id"


class SteadyOptions(OptionList):
    """Each option that can be chosen has an id, by which a click finds it again.

    A click may come late, when there are other options: by their places, as Textual 8.2.8 looks
    them up, it would choose what has come there since, or fail where there is nothing any more.
    """

    def render_line(self, y: int) -> Strip:
        strip = super().render_line(y)
        place = next((part.style.meta.get("option") for part in strip if part.style), None)
        return strip if place is None else strip.apply_meta({_ID: self.options[place].id})

    def on_click(self, event: events.Click) -> None:
        event.prevent_default()
        option_id = event.style.meta.get(_ID)
        places = {option.id: place for place, option in enumerate(self.options)}
        if option_id is not None and option_id in places:
            self.highlighted = places[option_id]
            self.action_select()
