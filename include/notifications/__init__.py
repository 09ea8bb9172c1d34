"""Whom we tell what: incidents, the outbox, mails in German and English, and what to look out for.

Knows no Airflow (but for `notifier`), no Amazon and no tokens.
"""
