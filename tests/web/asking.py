"""Asking on the page."""

from playwright.sync_api import Page

QUESTION = "What is a letter of the Kite Post sealed with?"


def ask(page: Page, words: str = QUESTION, label: str = "Your question") -> None:
    """Ask by keyboard alone."""
    page.get_by_label(label).fill(words)
    page.get_by_label(label).press("Enter")
