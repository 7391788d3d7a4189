"""Staff accounts: who may sign in, how they prove it, and the keys their proofs are signed with.

The rooms are those of a service: ``wiring`` and ``commands`` make the parts; ``api`` and the ``*_pages`` answer;
``sign_in``, ``enrolment``, ``administration``, ``sessions`` and ``signing`` decide and do; ``store`` keeps; ``policy``
is what a layperson could review; ``model`` is what there is.
"""
