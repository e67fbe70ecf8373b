"""A double of Apache Polaris' management API: strict, stateful, and honest about being one.

``python -m tests.support.polaris`` serves it; it needs the packages of requirements/polaris.txt and nothing else. Every
answer says in ``X-Polaris-Double`` that it is a double's and in ``X-Answer-From`` where that answer is known from:
``1.4.1 seen`` (a running server), ``1.7.0 read`` (documentation and change log) or ``api`` (the published interface).
"""
