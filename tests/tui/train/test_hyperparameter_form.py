from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.pilot import Pilot
from textual.widgets import Input

from mnist_core.recipe.changes import Change
from mnist_core.recipe.hyperparameters import Hyperparameters, hyperparameter_fields
from mnist_core.recipe.presets import DEFAULT_PRESET, presets
from mnist_tui.train.form_values import EFFECT_SIGNS, LiveValues
from mnist_tui.train.hyperparameter_form import HyperparameterForm
from mnist_tui.ui.form_fields import Choice, FieldHelp, FieldRow


class FormApp(App[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        ("r", "command('run')", "Run"),
        ("space", "command('mark')", "Mark"),
        ("escape", "command('leave')", "Leave"),
    ]

    CSS = "HyperparameterForm { width: 1fr; }"

    def __init__(self) -> None:
        super().__init__()
        self.commands: list[str] = []
        self.submitted: list[Hyperparameters] = []

    def compose(self) -> ComposeResult:
        yield HyperparameterForm(Hyperparameters(), DEFAULT_PRESET)

    @property
    def form(self) -> HyperparameterForm:
        return self.query_one(HyperparameterForm)

    def row(self, name: str) -> FieldRow:
        return next(row for row in self.query(FieldRow) if row.key == name)

    @property
    def focused_row(self) -> str | None:
        return next((row.key for row in self.query(FieldRow) if row.editor.has_focus), None)

    def action_command(self, name: str) -> None:
        self.commands.append(name)

    def on_hyperparameter_form_submitted(self, event: HyperparameterForm.Submitted) -> None:
        self.submitted.extend(event.recipes)


async def focus(pilot: Pilot[None], app: FormApp, name: str) -> None:
    app.form.focus_field(name)
    await pilot.pause()


async def test_each_declared_hyperparameter_has_a_row_with_its_label_and_default() -> None:
    app = FormApp()
    async with app.run_test(size=(40, 30)):
        fields = hyperparameter_fields()
        assert [row.key for row in app.query(FieldRow)] == ["preset", *fields]
        for name, field in fields.items():
            row = app.row(name)
            label, mark = row.render().plain.rsplit(maxsplit=1)
            assert label == field.label
            assert mark == EFFECT_SIGNS[field.takes_effect]
            assert row.text == field.format(field.default)
            assert isinstance(row.editor, Choice) == bool(field.choices or field.kind is bool)
            assert field.help in str(row.tooltip)
        assert app.form.recipes == (Hyperparameters(),)
        assert app.row("preset").text == "mlx-docs"


async def test_the_learning_rate_is_on_the_first_frame_of_a_low_form() -> None:
    app = FormApp()
    async with app.run_test(size=(30, 12)) as pilot:
        await pilot.pause()
        row = app.row("learning_rate")
        assert app.form.region.contains_region(row.region)
        assert app.form.query_one(".fields").region.contains_region(row.region)


async def test_every_row_is_visible_at_once_where_there_are_24_lines() -> None:
    app = FormApp()
    async with app.run_test(size=(28, 24)) as pilot:
        await pilot.pause()
        room = app.form.query_one(".fields").region
        assert all(room.contains_region(row.region) for row in app.query(FieldRow))


async def test_a_bad_value_is_told_under_its_field_until_it_is_mended() -> None:
    app = FormApp()
    async with app.run_test(size=(30, 30)) as pilot:
        await focus(pilot, app, "learning_rate")
        await pilot.press("-")
        row = app.row("learning_rate")
        assert row.region.height == 3
        assert "Takes a number above 0" in row.render().plain
        assert not app.form.recipes
        assert app.form.problems.keys() == {"learning_rate"}

        await pilot.press("backspace", "2")
        assert row.region.height == 1
        assert app.form.recipes == (Hyperparameters(learning_rate=2),)
        assert not app.form.problems


async def test_lists_make_a_recipe_for_each_combination_and_say_so() -> None:
    app = FormApp()
    async with app.run_test(size=(30, 30)) as pilot:
        await focus(pilot, app, "hidden_sizes")
        await pilot.press("end", *"|8")
        assert app.row("hidden_sizes").render().plain.endswith("2 values, each in a run")
        await focus(pilot, app, "learning_rate")
        await pilot.press("end", *", 0.5,")
        assert "learning_rate" in app.form.problems, "a value is missing"
        await pilot.press("1")
        assert [(recipe.hidden_sizes, recipe.learning_rate) for recipe in app.form.recipes] == [
            (sizes, rate) for sizes in ((32, 32), (8,)) for rate in (0.1, 0.5, 1)
        ]
        assert app.form.border_subtitle == "↑↓ moves, enter runs all 6"
        preset = app.row("preset").editor.render()
        assert isinstance(preset, Content)
        assert preset.plain.startswith("mlx-docs (edited)")
        await pilot.press("enter")
        assert tuple(app.submitted) == app.form.recipes


async def test_enter_submits_valid_values_and_goes_to_the_first_bad_one_otherwise() -> None:
    app = FormApp()
    async with app.run_test(size=(30, 30)) as pilot:
        await focus(pilot, app, "epochs")
        await pilot.press("3", "enter")
        assert app.submitted == [Hyperparameters(epochs=3)]

        await pilot.press("-")
        await focus(pilot, app, "shuffle")
        await pilot.press("enter")
        assert len(app.submitted) == 1
        assert app.focused_row == "epochs"


async def test_fields_that_the_optimizer_ignores_are_disabled_with_the_reason() -> None:
    app = FormApp()
    async with app.run_test(size=(30, 30)) as pilot:
        await focus(pilot, app, "optimizer")
        await pilot.press("right")
        assert app.row("optimizer").text == "adam"
        for name in ("momentum", "weight_decay"):
            assert app.row(name).editor.disabled
            assert "adam has no" in str(app.row(name).tooltip)
        await pilot.press("down", "down")
        assert app.focused_row == "schedule"

        await focus(pilot, app, "optimizer")
        await pilot.press("left")
        assert not app.row("momentum").editor.disabled
        assert hyperparameter_fields()["momentum"].help in str(app.row("momentum").tooltip)


async def test_the_picker_loads_a_preset_and_shows_when_it_was_edited() -> None:
    app = FormApp()
    async with app.run_test(size=(30, 30)) as pilot:
        picker = app.query(Choice).first()
        await focus(pilot, app, "preset")
        await pilot.press("right")
        wide = presets()["mlx-wide"].hyperparameters
        assert app.form.recipes == (wide,)
        assert picker.render().plain.split()[:1] == ["mlx-wide"]
        assert app.row("hidden_sizes").text == "256, 256"
        await pilot.pause()

        await focus(pilot, app, "seed")
        await pilot.press("7")
        assert app.form.recipes == (wide.model_copy(update={"seed": 7}),)
        assert "mlx-wide (edited)" in picker.render().plain

        await pilot.press("backspace", "0")
        assert "mlx-wide" in picker.render().plain
        assert "edited" not in picker.render().plain


async def test_loading_values_shows_them_and_submits_nothing() -> None:
    app = FormApp()
    async with app.run_test(size=(30, 30)) as pilot:
        values = Hyperparameters(hidden_sizes=(), optimizer="lion", shuffle=False, validation=500)
        app.form.load(values)
        await pilot.pause()
        assert app.form.recipes == (values,)
        assert app.row("hidden_sizes").text == ""
        assert app.row("shuffle").text == "no"
        assert app.row("validation").text == "500"
        assert app.row("activation").editor.disabled
        assert not app.submitted


async def test_loaded_values_are_told_as_the_preset_that_they_are_or_come_near() -> None:
    app = FormApp()
    async with app.run_test(size=(40, 30)) as pilot:
        wide = presets()["mlx-wide"].hyperparameters
        picker = app.query(Choice).first()
        for values, words in (
            (wide, "mlx-wide ◂▸"),
            (wide.model_copy(update={"epochs": 3}), "mlx-wide (edited) ◂▸"),
            (Hyperparameters(), "mlx-docs ◂▸"),
        ):
            app.form.load(values)
            await pilot.pause()
            assert " ".join(picker.render().plain.split()) == words


async def test_a_field_keeps_the_keys_that_can_be_part_of_its_value() -> None:
    app = FormApp()
    async with app.run_test(size=(30, 30)) as pilot:
        for name in ("hidden_sizes", "optimizer"):
            await focus(pilot, app, name)
            await pilot.press("r", "space")
        assert app.commands == []
        assert app.row("hidden_sizes").text.endswith("r ")
        assert app.row("optimizer").text == "adagrad"  # r: rmsprop; space: the next one
        await focus(pilot, app, "learning_rate")
        await pilot.press("ctrl+u", *"1e-3")
        assert app.row("learning_rate").text == "1e-3"
        assert app.commands == []
        await pilot.press("r")
        assert app.commands == ["run"]
        await focus(pilot, app, "activation")
        await pilot.press("g")
        assert app.row("activation").text == "gelu"
        await pilot.press("r", "escape")
        assert app.row("activation").text == "relu"
        assert app.commands == ["run", "leave"]
        await focus(pilot, app, "shuffle")
        await pilot.press("r")
        assert app.commands == ["run", "leave", "run"]
        assert app.row("learning_rate").text == "1e-3"


async def test_edited_fields_are_marked_until_they_say_what_they_said() -> None:
    app = FormApp()
    async with app.run_test(size=(30, 30)) as pilot:
        await focus(pilot, app, "epochs")
        assert "*" not in app.row("epochs").render().plain
        await pilot.press("ctrl+u", "7")
        marked = [name for name in hyperparameter_fields() if "*" in app.row(name).render().plain]
        assert marked == ["epochs"]
        await pilot.press("ctrl+u", "1", "0")
        assert "*" not in app.row("epochs").render().plain


async def test_up_and_down_move_between_rows_and_stop_at_the_ends() -> None:
    app = FormApp()
    async with app.run_test(size=(30, 30)) as pilot:
        app.form.focus_field()
        await pilot.pause()
        assert app.focused_row == "learning_rate", "the one that is changed most"
        app.form.focus_field("preset")
        await pilot.press("up")
        assert app.focused_row == "preset"
        await pilot.press("down", "down", "down")
        assert app.focused_row == "activation"
        await focus(pilot, app, "seed")
        await pilot.press("down")
        assert app.focused_row == "seed"


async def test_the_field_in_hand_is_explained_and_the_key_leads_to_the_rate() -> None:
    app = FormApp()
    async with app.run_test(size=(34, 40)) as pilot:
        await focus(pilot, app, "momentum")
        words = " ".join(app.query_one(FieldHelp).render().plain.split())
        assert words.startswith("Momentum How much of the last update")
        assert words.endswith(
            "Takes a number from 0 to below 1. Several, with commas between, make a run each."
        )
        app.set_focus(None)
        app.form.focus_field()
        await pilot.pause()
        assert app.focused_row == "learning_rate"
        app.row("batch_size").show_text("none")
        await pilot.pause()
        app.form.focus_field()
        await pilot.pause()
        assert app.focused_row == "batch_size", "since it is refused"


async def test_a_number_shows_its_head_and_is_replaced_by_what_is_typed() -> None:
    app = FormApp()
    async with app.run_test(size=(34, 40)) as pilot:
        app.row("learning_rate").show_text("0.865735131299")
        await focus(pilot, app, "learning_rate")
        line = app.row("learning_rate").editor
        assert isinstance(line, Input)
        assert line.cursor_position == 0
        await pilot.press("e", "1", "e", "minus", "2")
        assert line.value == "1e-2", "a number has no exponent without digits before it"
        await pilot.press("ctrl+u", "5", "0", "0", "enter")
        assert app.row("learning_rate").has_class("-invalid")
        await pilot.press("0", ".", "5")
        assert line.value == "0.5", "what was refused gives way"


async def test_the_mouse_steps_choices_and_focuses_fields() -> None:
    app = FormApp()
    async with app.run_test(size=(30, 30)) as pilot:
        choice = app.row("optimizer").editor
        await pilot.click(choice, offset=(choice.size.width - 1, 0))
        assert choice.value == "adam"
        await pilot.click(choice, offset=(choice.size.width - 2, 0))
        assert choice.value == "sgd"
        await pilot.click(choice, offset=(0, 0))
        assert choice.value == "sgd"
        await pilot.click(app.row("seed"), offset=(2, 0))
        assert app.focused_row == "seed"


async def test_text_that_looks_like_markup_is_only_text() -> None:
    app = FormApp()
    async with app.run_test(size=(30, 30)) as pilot:
        editor = app.row("hidden_sizes").editor
        assert isinstance(editor, Input)
        for text in ("[/]", "[red]x", "\x1b[31m"):
            editor.value = text
            await pilot.pause()
            assert repr(text) in app.form.problems["hidden_sizes"]
        assert app.row("hidden_sizes").region.height > 1


async def test_a_change_of_the_run_leaves_what_was_typed_a_moment_before() -> None:
    app = FormApp()
    async with app.run_test(size=(40, 30)) as pilot:
        app.form.show_run(LiveValues(app, Hyperparameters()))
        await pilot.pause()
        editor = app.row("epochs").editor
        assert isinstance(editor, Input)
        # The form has not been told of this one yet.
        editor.value = "640"
        now = Hyperparameters(learning_rate=0.05)
        app.form.show_run(LiveValues(app, now, changes=(Change(3, "learning_rate", 0.05),)))
        assert app.row("epochs").text == "640"
        assert app.row("learning_rate").text == "0.05"
        assert app.form.recipes == (Hyperparameters(learning_rate=0.05, epochs=640),)
