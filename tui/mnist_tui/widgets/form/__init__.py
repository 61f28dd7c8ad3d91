"""The form that edits hyperparameters, made from their declaration."""

from mnist_tui.widgets.form.hyperparameter_form import HyperparameterForm

__all__ = ["HyperparameterForm"]
