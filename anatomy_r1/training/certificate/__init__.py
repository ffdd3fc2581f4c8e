"""Certificates: what a training log proves about the run that wrote it (docs/certificates.md).

A certificate has eight named checks. Each is passed, failed, or not checkable, with the reason.

    certificate.py  the certificate as a value, as text and as JSON; the evidence: log, recorded batches and stated plan
    losses.py       check: loss
    rollouts.py     checks: advantages, invalid gradients, groups, budget
    served.py       checks: curriculum, similarity, data
    certify.py      evidence -> certificate
"""
