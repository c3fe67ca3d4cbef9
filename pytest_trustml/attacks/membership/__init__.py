"""Who was in the training set: scores of single records, attacks with reference models, and audits of a privacy claim.

Everywhere a higher score means more likely a member.
"""
