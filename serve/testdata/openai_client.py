"""Queries a server with OpenAI's own client (openai 3.57), and fails if the client does not read the answers as it should:

    python openai_client.py URL MODEL

MODEL must be a chat model.
"""
import sys
from array import array

import openai

url, model = sys.argv[1:]
client = openai.OpenAI(base_url=url + "/v1", api_key="secret", max_retries=0)

assert [m.id for m in client.models.list()] == [model]
assert client.models.retrieve(model).owned_by == "gorgpt"

text = client.completions.create(model=model, prompt=["one", "two"], max_tokens=8, n=2, seed=1, logprobs=3, echo=True, user="me", stop=["\n"], logit_bias={"65": 1})
assert [c.index for c in text.choices] == [0, 1, 2, 3] and text.choices[0].text.startswith("one") and text.choices[3].text.startswith("two")
l = text.choices[0].logprobs
assert l.token_logprobs[0] is None and len(l.tokens) == len(l.text_offset) == len(l.top_logprobs) == len(l.token_logprobs)
assert all(l.token_logprobs[i] == l.top_logprobs[i][l.tokens[i]] for i in range(1, len(l.tokens)))
assert text.usage.total_tokens == text.usage.prompt_tokens + text.usage.completion_tokens

chunks = list(client.completions.create(model=model, prompt=[111, 110, 101], max_tokens=8, temperature=0, stream=True, stream_options={"include_usage": True}))
whole = client.completions.create(model=model, prompt="one", max_tokens=8, temperature=0)
assert "".join(c.choices[0].text for c in chunks if c.choices) == whole.choices[0].text
assert chunks[-1].usage == whole.usage and chunks[0].usage is None

messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": [{"type": "text", "text": "Hello"}]}]
chat = client.chat.completions.create(model=model, messages=messages, max_completion_tokens=8, temperature=0, logprobs=True, top_logprobs=2)
assert chat.choices[0].message.role == "assistant" and chat.choices[0].finish_reason in ("stop", "length")
assert all(len(t.top_logprobs) >= 2 and bytes(t.bytes) for t in chat.choices[0].logprobs.content)
said = ""
with client.chat.completions.create(model=model, messages=messages, max_tokens=8, temperature=0, stream=True) as stream:
    for chunk in stream:
        said += chunk.choices[0].delta.content or ""
assert said == chat.choices[0].message.content, (said, chat)
with client.chat.completions.stream(model=model, messages=messages, max_tokens=8, temperature=0) as stream:
    deltas = []
    try:
        for event in stream:
            if event.type == "content.delta":
                deltas.append(event.delta)
    except openai.LengthFinishReasonError:  # how this helper ends a text that reaches max_tokens
        pass
    assert "".join(deltas) == said

vectors = client.embeddings.create(model=model, input=["one", "two"])  # in base64, which the client requests by default
floats = client.embeddings.create(model=model, input="one", encoding_format="float")
# Numbers are written with the digits of a float32, and Python reads them as float64.
assert len(vectors.data) == 2 and array("f", vectors.data[0].embedding) == array("f", floats.data[0].embedding), "base64 and numbers differ"

for error, ask in [
    (openai.NotFoundError, lambda: client.completions.create(model="other", prompt="x")),
    (openai.BadRequestError, lambda: client.completions.create(model=model, prompt="x", max_tokens=10**6)),
    (openai.BadRequestError, lambda: client.completions.create(model=model, prompt="x", temperature=-1)),
    (openai.AuthenticationError, lambda: openai.OpenAI(base_url=url + "/v1", api_key="other", max_retries=0).models.list()),
]:
    try:
        ask()
    except error as e:
        assert e.type == "invalid_request_error" and (e.code or e.param), e.body
    else:
        sys.exit(f"no {error}")
print("ok")
