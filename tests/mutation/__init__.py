"""Mutation testing of routing's decisions: does a test notice when the rule is changed in one place?"""
