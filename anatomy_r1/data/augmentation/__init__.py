"""Group Diversity Question Augmentation (GDQA, the paper's section): phi rewrites a question, psi changes its image.

scene_questions       what a question asks, as a value; SSG-VQA's questions: read into it, and written from it
free_text_questions   OmniMedVQA's questions in free English: read into a meaning, and reworded by templates
groups                phi and psi, and the pairs of stem and image that the members of a group are shown
"""
