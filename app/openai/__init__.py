"""The second door: ready documents as models of an OpenAI-compatible API under `/v1`.

Values, their translation to the service's own questions, and refusals in OpenAI's dialect. Nothing
here imports the package `openai`.
"""
