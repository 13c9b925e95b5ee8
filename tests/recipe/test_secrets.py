"""What looks like a secret has no place in a recipe."""

from __future__ import annotations

import pytest

from clsfw.errors import RecipeError
from clsfw.recipe.plan import make_plan
from clsfw.toml.secrets import SECRET_KEY, holds_secret

NAMES = [
    "token",
    "hf_token",
    "hub_token",
    "TOKEN",
    "use_auth_token",
    "password",
    "db_password",
    "secret",
    "client_secret",
]
NAMES += ["api_key", "apikey", "openai_api_key", "access_key", "credentials"]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_secrets_are_known(name):
    assert SECRET_KEY.match(name)


@pytest.mark.parametrize(
    "name", ["pad_token", "tokens", "max_batch_tokens", "tokenizer", "key", "label_key", "secretary"]
)
def test_names_like_them_are_none(name):
    assert not SECRET_KEY.match(name)


@pytest.mark.parametrize(
    "text",
    ["hf_" + "a" * 34, "x hf_" + "B" * 20, "https://me:pw@example.org/", "https://h/x?token=abc", "Bearer " + "a" * 20],
)
def test_secrets_are_known_by_their_look(text):
    assert holds_secret(text)


@pytest.mark.parametrize(
    "text", ["hf_distilbert", "https://example.org:80/a@b", "me@example.org", "hf-encoder", "a:b@c"]
)
def test_texts_like_them_are_none(text):
    assert not holds_secret(text)


def test_a_label_may_be_called_like_a_secret(write, fake, fakes):
    text = fake.replace('"bag"', '"bag"\nextra = { token = 1, password = 2 }')

    assert {"token": 100, "password": 50} == make_plan(write(text), [], fakes).model.settings.extra


@pytest.mark.parametrize("line", ['token = "x"', 'password = ""', "api_key = 3"])
def test_a_setting_called_like_a_secret_is_refused(line, write, fake, fakes):
    with pytest.raises(RecipeError, match="HF_TOKEN"):
        make_plan(write(fake.replace('"hits"', f'"hits"\n{line}')), [], fakes)
    with pytest.raises(RecipeError, match="HF_TOKEN"):
        make_plan(write(f"{line}\n{fake}"), [], fakes)


def test_a_line_with_a_secret_is_not_shown_for_another_mistake(write, fake, fakes):
    secret = "hf_" + "Ab1" * 10
    text = fake.replace('use = "hits"', f'use = "hits" # {secret}\nprefix = 3 # {secret}\nx = "{secret}" 3')

    with pytest.raises(RecipeError) as in_syntax:
        make_plan(write(text), [], fakes)
    with pytest.raises(RecipeError) as in_content:
        make_plan(write(text.replace('" 3', '"')), [], fakes)

    assert secret not in str(in_syntax.value)
    assert secret not in str(in_content.value)
