"""What maps of the configuration have in common: only known keys, camelCase outside and snake_case inside."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Keys(BaseModel):
    """Keys that may stand together; every other key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, use_attribute_docstrings=True)

    def overlaid(self, over: Keys) -> Self:
        """Return these keys with those that are set in `over` put over them.

        Keys that hold keys and maps merge key by key; a value, a list and a `Choice` are replaced whole.
        """
        update = {}
        for name in over.model_fields_set:
            old, new = getattr(self, name), getattr(over, name)
            if isinstance(old, Keys) and isinstance(new, Keys) and not isinstance(new, Choice):
                new = old.overlaid(new)
            elif isinstance(old, dict) and isinstance(new, dict) and name != "pod_template":
                new = {**old, **new}
            update[name] = new
        return self.model_copy(update=update)


class Choice(Keys):
    """Keys of which one says what is meant, so that two of these never merge."""
